/**
 * Reads the text of a status 1: which of the gateway's two limiters refused, and for how long.
 *
 * The numbers are MILLISECONDS, and MAX is a limit, not a delay (vonage-php-sdk-core issue 282). They are returned as
 * they came; the throttle caps them. The texts are no contract: an unknown text is about the account and names no time.
 */
import type { ThrottleHint } from './verdict.ts';

const SENDER = /please wait \[\s*(\d+)\s*\] and retry/i;
const SENDER_NO_TIME = /please wait (?:\[[^\]]*\] )?and retry/i;
const ACCOUNT =
  /MAX \[\s*(\d+)\s*\]\s+INTERVAL \[\s*(\d+)\s*\]\s+COUNT \[\s*(\d+)\s*\].*TIME_SINCE_LAST_INTERVAL_START \[\s*(\d+)\s*\]/i;
const SENDER_DEFAULT_MS = 1000;
const NO_LIMIT = { limit: null, intervalMs: null };

/** Total: any text, and none, gives a hint. */
export function readThrottleText(text: string | null): ThrottleHint {
  const words = text ?? '';
  const sender = numbersOf(SENDER.exec(words));
  if (sender !== null || SENDER_NO_TIME.test(words)) {
    return { scope: 'sender', waitMs: sender?.[0] ?? SENDER_DEFAULT_MS, ...NO_LIMIT };
  }
  const [max = 0, intervalMs = 0, , sinceMs = 0] = numbersOf(ACCOUNT.exec(words)) ?? [];
  if (intervalMs === 0) return { scope: 'account', waitMs: null, ...NO_LIMIT };
  const limit = max > 0 ? (max * 1000) / intervalMs : null;
  return { scope: 'account', waitMs: Math.max(0, intervalMs - sinceMs), limit, intervalMs };
}

/** The groups as numbers; null when there was no match or a number is too large to be one. */
function numbersOf(match: RegExpExecArray | null): readonly number[] | null {
  const numbers = match?.slice(1).map(Number) ?? null;
  return numbers?.every(Number.isSafeInteger) === true ? numbers : null;
}
