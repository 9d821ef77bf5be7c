/**
 * Stand-in for `@std/http/negotiation` if JSR is not reachable: proactive
 * negotiation of RFC 9110, sections 12.5.1 and 12.5.3.
 *
 * @module
 */

/** One member of an `Accept` or `Accept-Encoding` header. */
interface Range {
  readonly value: string;
  readonly params: readonly string[];
  readonly quality: number;
}

/**
 * Returns the specificity of a range for an offer: 0 for a wildcard,
 * `undefined` for no match.
 */
type Closeness = (range: Range, offer: string) => number | undefined;

/** Returns the media types that the request accepts, in order of preference. */
export function accepts(request: Pick<Request, "headers">): string[];
/** Returns the offered media type that the request prefers, if it accepts any. */
export function accepts<T extends string = string>(
  request: Pick<Request, "headers">,
  ...types: T[]
): T | undefined;
export function accepts(
  request: Pick<Request, "headers">,
  ...types: string[]
): string | string[] | undefined {
  const header = request.headers.get("accept");
  if (types.length === 0) {
    return header ? byQuality(parseRanges(header)) : ["*/*"];
  }
  return header ? best(parseRanges(header), types, mediaCloseness) : types[0];
}

/**
 * Returns the content codings that the request accepts, in order of preference.
 */
export function acceptsEncodings(request: Pick<Request, "headers">): string[];
/** Returns the offered content coding that the request prefers, if it accepts any. */
export function acceptsEncodings<T extends string = string>(
  request: Pick<Request, "headers">,
  ...encodings: T[]
): T | undefined;
export function acceptsEncodings(
  request: Pick<Request, "headers">,
  ...encodings: string[]
): string | string[] | undefined {
  const header = request.headers.get("accept-encoding");
  if (!header) return encodings.length === 0 ? ["*"] : encodings[0];
  const ranges = withIdentity(parseRanges(header));
  if (encodings.length === 0) return byQuality(ranges);
  return best(ranges, encodings, encodingCloseness);
}

function parseRanges(header: string): Range[] {
  return header.split(",").map((member) => {
    const [value = "", ...params] = member.toLowerCase().split(";")
      .map((part) => part.trim());
    const weight = params.findIndex((param) => param.startsWith("q="));
    const quality = weight < 0
      ? 1
      : Number.parseFloat(params[weight]?.slice(2) ?? "");
    return {
      value,
      params: weight < 0 ? params : params.slice(0, weight),
      quality: Number.isNaN(quality) ? 0 : quality,
    };
  }).filter((range) => range.value !== "");
}

/** Identity is acceptable unless the header excludes it. */
function withIdentity(ranges: Range[]): Range[] {
  if (ranges.some(({ value }) => value === "identity" || value === "*")) {
    return ranges;
  }
  const quality = Math.min(1, ...ranges.map((range) => range.quality || 1));
  return [...ranges, { value: "identity", params: [], quality }];
}

function byQuality(ranges: Range[]): string[] {
  return ranges.filter((range) => range.quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map((range) => range.value);
}

function best(
  ranges: Range[],
  offers: string[],
  closeness: Closeness,
): string | undefined {
  let found: { offer: string; quality: number; close: number } | undefined;
  for (const offer of offers) {
    const { quality, close } = weigh(ranges, offer, closeness);
    if (quality === 0) continue;
    const isBetter = found === undefined || quality > found.quality ||
      (quality === found.quality && close > found.close);
    if (isBetter) found = { offer, quality, close };
  }
  return found?.offer;
}

/**
 * The most specific range determines an offer's quality, even if a wildcard has
 * a higher one.
 */
function weigh(
  ranges: Range[],
  offer: string,
  closeness: Closeness,
): { quality: number; close: number } {
  let result = { quality: 0, close: -1 };
  for (const range of ranges) {
    const close = closeness(range, offer.toLowerCase());
    if (close === undefined || close <= result.close) continue;
    result = { quality: range.quality, close };
  }
  return result;
}

function encodingCloseness(range: Range, offer: string): number | undefined {
  if (range.value === offer) return 1;
  return range.value === "*" ? 0 : undefined;
}

function mediaCloseness(range: Range, offer: string): number | undefined {
  const [type = "", ...params] = offer.split(";").map((part) => part.trim());
  if (!range.params.every((param) => params.includes(param))) return undefined;
  if (range.value === type) return 2 + range.params.length;
  if (range.value === `${type.split("/")[0]}/*`) return 1;
  return range.value === "*/*" ? 0 : undefined;
}
