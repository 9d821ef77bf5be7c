/**
 * Stand-in for `@std/http/unstable-route` where JSR cannot be reached.
 *
 * @module
 */

/** Responds to a request that no route matches. */
export type RequestHandler = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** Responds to a request whose URL matches. */
export type Handler = (
  request: Request,
  params: URLPatternResult,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** A pattern, the methods it is for, and the handler. */
export interface Route {
  /** The pattern of the whole URL. */
  pattern: URLPattern;
  /** One method or several, in upper case. @default any */
  method?: string | string[];
  /** The handler. */
  handler: Handler;
}

/** Returns a handler that calls the first route of matching pattern and method. */
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
