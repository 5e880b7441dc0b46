/**
 * Decides when a run of refusals begins, which row is its next probe, and when that goes. In a run many recipients in a
 * row were refused: either every message fails (a mistake in the configuration or the account) or many bad rows stand
 * before good ones. One message at a time is sent to find out. Pure: no clock, no spool.
 */
import type { LaneReason } from './stop-reasons.ts';
import { comparedForm } from '../text/recipient.ts';
import { RUN_LIMIT } from '../answer/classification-rules.ts';

const QUICK_PROBES = 45;
const QUICK_MS = 1_000;
const SLOW_MS = 5_000;
const SLOWER_BY = 1.1;
/** The longest wait between two probes. */
const SLOWEST_MS = 300_000;

/** A run that is open, as the circuit of its account or sender keeps it. */
export interface RefusalRun {
  /** The message that began it; null = not known any more. */
  readonly id: number | null;
  /** The first refusal's reason: why the account or sender is suspended. */
  readonly reason: LaneReason;
  /** Messages that were refused since it began. */
  readonly refused: number;
}

/** A refused message waits until its run is judged. */
export interface SetAside {
  /** Null = the run is the account's. */
  readonly sender: string | null;
  /** The message that began the run. */
  readonly run: number;
}

/** A message that was claimed, as far as circuits need it. */
export interface CircuitClaim {
  readonly id: number;
  readonly recipient: string;
  readonly sender: string;
  /** Unix seconds. */
  readonly claimedAt: number;
}

/** A run that is over: a message of its account or sender was accepted. Its refused rows fail. */
export interface RunEnd {
  /** Null = the run was the account's. */
  readonly sender: string | null;
  readonly id: number | null;
}

/**
 * Milliseconds from the begin of a probe to the next one, after `refused` messages of the run were refused.
 *
 * Two bounds hold at once. Refused messages are set aside, so no row is tried twice.
 *
 * 1. 40 bad rows before 5 good ones, in any order: the good ones are out within 90 s. At most 9 bad rows fail
 *    before the run begins and the 10th begins it, so at most 30 probes are refused before one is accepted. The
 *    first 45 probes follow one another after 1 s, or after the answer where that takes longer. The daemon looks
 *    every 0.2 s: 31 probes take at most 31 × 1.2 s = 38 s, and 31 × 2.2 s = 69 s where an answer takes 2 s.
 * 2. All of 3,000 rows are refused: at most 100 attempts in the first ten minutes. 9 attempts before the run, 45
 *    probes in 45 s, then waits of 5 s × 1.1^k: k waits take 50 s × (1.1^k − 1), so 555 s have room for 26.
 *    9 + 45 + 26 = 80. Requests that were open when the run began count as refused: up to 45 of them only take
 *    the place of quick probes, and the sum stays below 100 with up to 65.
 */
export function probeDelayMs(refused: number): number {
  if (refused <= QUICK_PROBES) return QUICK_MS;
  return Math.min(SLOW_MS * SLOWER_BY ** (refused - QUICK_PROBES - 1), SLOWEST_MS);
}

/** A row that might go now. */
export interface ProbeCandidate {
  readonly campaign: string | null;
  /** The name that is sent; null = there is none. */
  readonly sender: string | null;
  readonly recipient: string;
  readonly priority: number;
  /** It was tried before, and that counted. */
  readonly isRetry: boolean;
  /** Where in its queue it stands: from 0 (first) to below 1. */
  readonly place: number;
}

/** A row that the run has refused. */
export type RefusedRow = Pick<ProbeCandidate, 'campaign' | 'sender' | 'recipient'>;

/**
 * The candidate that is most unlike the refused rows; null = there is no candidate. Compared in this order: not
 * tried before; campaign and then sender with the fewest refusals; the shortest prefix shared with a refused
 * recipient; a place in the queue that differs from probe to probe; the larger priority.
 */
export function pickProbe<C extends ProbeCandidate>(
  candidates: readonly C[],
  refused: readonly RefusedRow[],
  probes: number,
): C | null {
  const campaigns = countBy(refused, ({ campaign }) => campaign);
  const senders = countBy(refused, ({ sender }) => sender);
  const target = spread(probes);
  const keys = candidates.map((one) => [
    Number(one.isRetry),
    campaigns.get(one.campaign) ?? 0,
    senders.get(one.sender) ?? 0,
    Math.max(0, ...refused.map(({ recipient }) => sharedPrefix(one.recipient, recipient))),
    Math.abs(one.place - target),
    -one.priority,
  ]);
  return firstBy(candidates, keys)[0] ?? null;
}

/**
 * The sources to look into, at most `limit`: those whose campaign and sender were refused least, and others of
 * them from probe to probe.
 */
export function sourcesToProbe<S extends Pick<ProbeCandidate, 'campaign' | 'sender'>>(
  sources: readonly S[],
  refused: readonly RefusedRow[],
  { probes, limit }: { readonly probes: number; readonly limit: number },
): readonly S[] {
  if (sources.length <= limit) return sources;
  const campaigns = countBy(refused, ({ campaign }) => campaign);
  const senders = countBy(refused, ({ sender }) => sender);
  const start = Math.floor(spread(probes) * sources.length);
  const turned = [...sources.slice(start), ...sources.slice(0, start)];
  const keys = turned.map(({ campaign, sender }) => [
    campaigns.get(campaign) ?? 0,
    senders.get(sender) ?? 0,
  ]);
  return firstBy(turned, keys).slice(0, limit);
}

/** At most `wanted` places (indexes) of a queue of `count` rows, evenly spread; others from probe to probe. */
export function placesOf(count: number, wanted: number, probes: number): readonly number[] {
  if (count <= wanted) return Array.from({ length: count }, (_, index) => index);
  const shift = spread(probes);
  return Array.from({ length: wanted }, (_, index) =>
    Math.floor(((index + shift) * count) / wanted),
  );
}

/** Counts recipients that were refused in a row, of an account and of each of its senders. */
export class RefusalCount {
  readonly #account = new Set<string>();
  /** Whose trouble those refusals may be: a sender, or null for the account itself. */
  readonly #scopes = new Set<string | null>();
  readonly #senders = new Map<string, Set<string>>();

  get size(): number {
    return this.#account.size + this.#senders.size;
  }

  /**
   * Notes a refusal. Returns whose run begins with it (null = the account's), or undefined = none: the message
   * fails by itself. A run is the sender's if all that was refused in a row says "sender" and is of one sender.
   */
  refused(
    claim: { readonly sender: string; readonly recipient: string },
    scope: 'sender' | 'account',
  ): string | null | undefined {
    const sender = scope === 'sender' ? claim.sender : null;
    this.#scopes.add(sender);
    const inAccount = addRecipient(this.#account, claim.recipient);
    const own = sender === null ? null : setIn(this.#senders, sender);
    const ofSender = own === null ? 0 : addRecipient(own, claim.recipient);
    if (inAccount >= RUN_LIMIT) return this.#scopes.size === 1 ? sender : null;
    return ofSender >= RUN_LIMIT ? sender : undefined;
  }

  /** A message of this sender was accepted, or an operator resumed it. */
  clear(sender: string | null): void {
    this.#account.clear();
    this.#scopes.clear();
    if (sender === null) this.#senders.clear();
    else this.#senders.delete(sender);
  }
}

/** Notes a recipient; returns how many are noted, at most RUN_LIMIT. No limit in the rules is larger. */
export function addRecipient(recipients: Set<string>, recipient: string): number {
  if (recipients.size < RUN_LIMIT) recipients.add(comparedForm(recipient));
  return recipients.size;
}

/** The set of this key, made where there is none. */
export function setIn<K>(sets: Map<K, Set<string>>, key: K): Set<string> {
  const known = sets.get(key) ?? new Set<string>();
  sets.set(key, known);
  return known;
}

function countBy<K>(rows: readonly RefusedRow[], keyOf: (row: RefusedRow) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const row of rows) counts.set(keyOf(row), (counts.get(keyOf(row)) ?? 0) + 1);
  return counts;
}

/* Van der Corput: 0, 1/2, 1/4, 3/4, 1/8, 5/8 …: each value is far from those before it. */
function spread(index: number): number {
  let rest = index;
  let weight = 0.5;
  let value = 0;
  while (rest > 0) {
    value += (rest % 2) * weight;
    rest = Math.floor(rest / 2);
    weight /= 2;
  }
  return value;
}

function sharedPrefix(a: string, b: string): number {
  const [one, other] = [comparedForm(a), comparedForm(b)];
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

/* Sorted by their keys, number by number; what is equal stays in its order. */
function firstBy<T>(items: readonly T[], keys: readonly (readonly number[])[]): readonly T[] {
  const sorted = items.map((item, index) => ({ item, key: keys[index] ?? [] }));
  sorted.sort((a, b) => {
    const at = a.key.findIndex((value, index) => value !== b.key[index]);
    return at < 0 ? 0 : (a.key[at] ?? 0) - (b.key[at] ?? 0);
  });
  return sorted.map(({ item }) => item);
}
