/**
 * Describes the rate limits of an account as they are configured: its own, its senders', and those of named groups of
 * senders, each with a window of a second and longer ones. All of them must allow.
 */

/** What a rule counts: requests, or the SMS-sized parts that their messages become. */
export type Per = 'request' | 'part';

/** Windows longer than a second; that one is the pacer's. */
export type Span = 'min' | 'h' | 'day';
export const SPANS: readonly Span[] = ['min', 'h', 'day'];

/** The most in any minute or hour, or from midnight to midnight. */
export interface LongWindow {
  readonly count: number;
  readonly span: Span;
}

/** What `rate` says: at most one window of each length. */
export interface Rates {
  /** Per second; null = no such window. */
  readonly perSecond: number | null;
  readonly windows: readonly LongWindow[];
}

export interface RateRule extends Rates {
  readonly per: Per;
  /** Whose midnight: IANA name of a time zone. */
  readonly zone: string;
}

export interface GroupRule extends RateRule {
  readonly name: string;
  readonly senders: readonly string[];
}

/** An account's rules, where there are more than a rate of requests per second. */
export interface NestedRules {
  readonly account: RateRule;
  readonly senders: ReadonlyMap<string, RateRule>;
  /** A sender is in one group at most. */
  readonly groups: readonly GroupRule[];
}

/** The rules where any of them counts parts, has a longer window, or is a group's; null = none is needed. */
export function nestedRulesOf(rules: NestedRules): NestedRules | null {
  const own = [rules.account, ...rules.senders.values()];
  const isMore = own.some(({ per, windows }) => per === 'part' || windows.length > 0);
  return isMore || rules.groups.length > 0 ? rules : null;
}
