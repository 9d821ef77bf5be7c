/** Content types of the web page and its files. */
export const PAGE_TYPES = {
  html: "text/html; charset=utf-8",
  script: "text/javascript; charset=utf-8",
  style: "text/css; charset=utf-8",
  icon: "image/svg+xml",
} as const;

/** A file of the web page. */
export interface PageFile {
  readonly contentType: string;
  readonly text: string;
  /** Hash of the text: `W/"0f3a…"`. */
  readonly etag: string;
}
