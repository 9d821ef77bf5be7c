"""Hooks of Schemathesis for openapi_test.ts."""

import schemathesis


@schemathesis.hook
def filter_query(context, query):
    """The API uses the first value of a repeated parameter, which a schema of one value cannot state."""
    return not any(isinstance(value, (list, tuple)) for value in (query or {}).values())
