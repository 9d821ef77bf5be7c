/**
 * Stand-in for `@std/http/unstable-route` where JSR cannot be reached.
 *
 * @module
 */

/** Answers a request whose URL has matched. */
export type Handler = (
  request: Request,
  params?: URLPatternResult,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** A pattern, the methods it is for, and who answers. */
export interface Route {
  /** What the whole URL must match. */
  pattern: URLPattern;
  /**
   * One method or several, in upper case. It may be left out in the real package, but releases
   * differ in what that means (GET, or any method), so here it may not.
   */
  method: string | string[];
  /** Who answers. */
  handler: Handler;
}

/** Returns a handler that asks the first route of matching pattern and method. */
export function route(
  routes: Route[],
  defaultHandler: (
    request: Request,
    info?: Deno.ServeHandlerInfo,
  ) => Response | Promise<Response>,
): (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response> {
  return (request, info) => {
    for (const { pattern, method, handler } of routes) {
      if (![method].flat().includes(request.method)) continue;
      const params = pattern.exec(request.url);
      if (params !== null) return handler(request, params, info);
    }
    return defaultHandler(request, info);
  };
}
