import { formatLocal, localZone, type TimeZone } from "./text.ts";

/** `03:12`, `03:12:05`, also after `11-29` or `2026-11-29`; or a date. */
const TIME_REGEXP =
  /^(?=.)((?:\d{4}-)?\d\d-\d\d)?(?:(?:^|[ T])(\d{1,2}:\d\d(?::\d\d(?:\.\d{1,3})?)?))?$/;
/** RFC 3339. */
const INSTANT_REGEXP =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
/** Start of the time in `2026-11-29 03:12:05.123`. */
const TIME_AT = 11;
const DAY_MS = 86_400_000;

/**
 * Returns whether a time, in milliseconds since the epoch, has this date and
 * time of day; `undefined` if the text has no time. `03:12` is any second of
 * that minute on any day.
 */
export function localTimeMatcher(
  text: string,
  zone: TimeZone = localZone,
): ((timestampMs: number) => boolean) | undefined {
  if (INSTANT_REGEXP.test(text)) {
    const second = formatLocal(Date.parse(text), zone).slice(0, 19);
    return (ms) => formatLocal(ms, zone).startsWith(second);
  }
  const { date = "", time } = split(text) ?? {};
  if (time === undefined) return undefined;
  return (ms) => {
    const local = formatLocal(ms, zone);
    return local.startsWith(time, TIME_AT) &&
      local.slice(0, TIME_AT - 1).endsWith(date);
  };
}

/**
 * Returns the newest time up to now, in milliseconds since the epoch, with this
 * date and time of day; `undefined` if the text is invalid. A date, `today` or
 * `yesterday` is its start.
 */
export function parseLocalTime(
  text: string,
  nowMs: number,
  zone: TimeZone = localZone,
): number | undefined {
  if (INSTANT_REGEXP.test(text)) return Date.parse(text);
  const today = formatLocal(nowMs, zone).slice(0, TIME_AT - 1);
  if (text === "today" || text === "yesterday") {
    const startMs = parseLocalTime(today, nowMs, zone) ?? nowMs;
    return text === "today" ? startMs : startMs - DAY_MS;
  }
  const { date = today, time = "00:00" } = split(text) ?? { date: "" };
  const year = Number(today.slice(0, 4));
  const days = date.length < today.length
    ? [`${year}-${date}`, `${year - 1}-${date}`]
    : [date];
  const [ms = NaN, before = ms - DAY_MS] = days.map((day) => {
    // As if UTC; the offset is that of about this time.
    const utcMs = Date.parse(`${day}T${time}Z`);
    return utcMs - zone(utcMs) * 60_000;
  });
  if (Number.isNaN(ms)) return undefined;
  const hasYear = split(text)?.date?.length === today.length;
  return ms <= nowMs || hasYear ? ms : before;
}

function split(text: string): { date?: string; time?: string } | undefined {
  const [whole, date, time] = TIME_REGEXP.exec(text.trim()) ?? [];
  if (whole === undefined) return undefined;
  return {
    ...(date !== undefined && { date }),
    ...(time !== undefined && { time: time.replace(/^\d:/, "0$&") }),
  };
}
