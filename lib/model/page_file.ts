/** Content types of the web page. */
export const PAGE_TYPES = {
  html: "text/html; charset=utf-8",
  script: "text/javascript; charset=utf-8",
  style: "text/css; charset=utf-8",
  icon: "image/svg+xml",
} as const;

export interface PageFile {
  readonly contentType: string;
  readonly text: string;
  /** `W/"0f3a…"`: hash of the text. */
  readonly etag: string;
}
