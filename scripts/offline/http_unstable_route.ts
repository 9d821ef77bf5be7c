/**
 * Stand-in for `@std/http/unstable-route` if JSR is not reachable.
 *
 * @module
 */

/** Handles a request that no route matches. */
export type RequestHandler = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** Handles a request whose URL matches. */
export type Handler = (
  request: Request,
  params: URLPatternResult,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

export interface Route {
  /** Pattern of the complete URL. */
  pattern: URLPattern;
  /** One or several methods, in upper case. @default any */
  method?: string | string[];
  handler: Handler;
}

/**
 * Returns a handler that calls the first route whose pattern and method match.
 */
export function route(
  routes: Route[],
  defaultHandler: RequestHandler,
): RequestHandler {
  return (request, info) => {
    for (const { pattern, method, handler } of routes) {
      const params = pattern.exec(request.url);
      if (params === null) continue;
      if (method && ![method].flat().includes(request.method)) continue;
      return handler(request, params, info);
    }
    return defaultHandler(request, info);
  };
}
