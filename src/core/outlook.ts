/**
 * When what waits in an account will be gone, by what stands before it. Pure; an estimate, never a promise:
 * rows that come later and go earlier, throttling to come and other users of the account are not in it.
 *
 * Rows flow as water does, by the rules of who goes first: the account's rate goes to first attempts but for
 * the share of retries; among each kind to the highest priority but for the reserve; within a priority campaigns have equal shares; within a campaign its lanes have theirs
 * by what they hold, since it goes by age across them. A lane takes no more than its own limit, and what it
 * leaves is for the others.
 */

import { RETRY_SHARE } from './fairness.ts';

/** Rows of one lane, campaign, priority and kind. */
export interface Group {
  /** A lane's name; lanes without a limit may be taken for one. */
  readonly lane: string;
  readonly campaign: string | null;
  readonly priority: number;
  /** 1 = they were tried before, and that counted. */
  readonly isRetry: 0 | 1;
  readonly count: number;
}

/** What an account or a lane allows. */
export interface Allowance {
  /** Per second; 0 = nothing goes until somebody says so. */
  readonly rate: number;
  /** Seconds until it goes on; 0 = it is open. */
  readonly opensInS: number;
}

export interface AccountAllowance extends Allowance {
  /** The share for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
  /** Lanes with a limit or a wait of their own. */
  readonly lanes: ReadonlyMap<string, Allowance>;
}

/** A group as it is emptied. */
interface Flow extends Group {
  left: number;
  /** Per second, at this moment. */
  rate: number;
  /** When its last row went; 0 = it has not yet. */
  goneS: number;
}

/** Lanes and groups that come to their end within this share of one another are taken as one. */
const SAME = 0.005;
const PHASES_MAX = 1_000;
const NOTHING = 1e-9;

/** Seconds until the last row of each group has gone; Infinity = nobody can say. */
export function secondsUntilGone(
  groups: readonly Group[],
  account: AccountAllowance,
): readonly number[] {
  return emptied(groups, account, null).map(({ goneS }) => goneS);
}

/** When the last row of a group will have gone, and how many of each group will be gone by then. */
export interface Turnout {
  /** Infinity = nobody can say. */
  readonly seconds: number;
  readonly gone: readonly number[];
}

/** The turnout for the group of that index. */
export function turnoutOf(
  groups: readonly Group[],
  account: AccountAllowance,
  index: number,
): Turnout {
  const flows = emptied(groups, account, index);
  const gone = flows.map(({ count, left }) => count - Math.max(0, left));
  return { seconds: flows[index]?.goneS ?? Infinity, gone };
}

/* Until all of them are gone, or the one of that index is. */
function emptied(
  groups: readonly Group[],
  account: AccountAllowance,
  last: number | null,
): readonly Flow[] {
  const flows = groups.map((group): Flow => ({ ...group, left: group.count, rate: 0, goneS: 0 }));
  const isOver = (): boolean => last !== null && (flows[last]?.goneS ?? 1) > 0;
  let atS = account.opensInS;
  let waiting = flows.filter(({ left }) => left > 0);
  for (let phase = 0; waiting.length > 0 && !isOver(); phase += 1) {
    divide(waiting, account, atS);
    const stepS = phase < PHASES_MAX ? nextChange(waiting, account, atS) : Infinity;
    if (stepS === Infinity) {
      for (const flow of waiting) flow.goneS = atS + flow.left / flow.rate;
      break;
    }
    atS += stepS;
    for (const flow of waiting) empty(flow, stepS, atS);
    waiting = waiting.filter(({ goneS }) => goneS === 0);
  }
  return flows;
}

function empty(flow: Flow, stepS: number, atS: number): void {
  flow.left -= flow.rate * stepS;
  if (flow.left > flow.rate * atS * SAME) return;
  flow.goneS = atS + flow.left / flow.rate;
  flow.left = 0;
}

/* How long the rates stay as they are; Infinity = for ever. */
function nextChange(flows: readonly Flow[], account: AccountAllowance, atS: number): number {
  const ends = flows.filter(({ rate }) => rate > 0).map(({ left, rate }) => left / rate);
  const opens = [...account.lanes.values()].map(({ opensInS }) => opensInS - atS);
  return Math.min(Infinity, ...ends, ...opens.filter((seconds) => seconds > NOTHING));
}

/* Gives each flow its rate. */
function divide(flows: readonly Flow[], account: AccountAllowance, atS: number): void {
  const spare = new Map<string, number>();
  for (const flow of flows) {
    flow.rate = 0;
    const lane = account.lanes.get(flow.lane);
    if (lane === undefined) spare.set(flow.lane, Infinity);
    else spare.set(flow.lane, lane.opensInS - atS > NOTHING ? 0 : lane.rate);
  }
  const open = flows.filter((flow) => (spare.get(flow.lane) ?? 0) > 0);
  const firsts = open.filter(({ isRetry }) => isRetry === 0);
  const retries = open.filter(({ isRetry }) => isRetry === 1);
  const { rate, reserve } = account;
  const share = firsts.length === 0 ? 1 : retries.length === 0 ? 0 : RETRY_SHARE;
  const ladders = { reserve, spare };
  let left = rate;
  keeping(spare, retries, share, () => {
    left -= pourDown(firsts, rate * (1 - share), ladders);
  });
  left -= pourDown(retries, Math.min(left, rate * share), ladders);
  for (const kind of [firsts, retries]) left -= pourDown(kind, left, ladders);
}

/* While it works, limited lanes keep back that share of what they have left for these flows: a lane's own
 * permits are shared as the account's are. */
function keeping(
  spare: Map<string, number>,
  flows: readonly Flow[],
  share: number,
  work: () => void,
): void {
  const kept = new Map<string, number>();
  for (const { lane } of flows) kept.set(lane, (spare.get(lane) ?? 0) * share);
  for (const [lane, amount] of kept) add(spare, lane, amount < Infinity ? -amount : 0);
  work();
  for (const [lane, amount] of kept) add(spare, lane, amount);
}

/* One kind by its priorities; returns what was used. */
function pourDown(
  flows: readonly Flow[],
  amount: number,
  { reserve, spare }: { readonly reserve: number; readonly spare: Map<string, number> },
): number {
  const [top = [], ...lower] = levelsOf(flows, spare);
  const share = lower.length === 0 ? 0 : reserve;
  let left = amount;
  keeping(spare, lower.flat(), share, () => {
    left -= pour(top, amount * (1 - share), spare);
  });
  for (const level of lower) {
    left -= pour(level, Math.min(left, (amount * share) / lower.length), spare);
  }
  for (const level of [...lower, top]) left -= pour(level, left, spare);
  return amount - left;
}

function add(amounts: Map<string, number>, lane: string, amount: number): void {
  amounts.set(lane, (amounts.get(lane) ?? 0) + amount);
}

/* Flows that may go, the highest priority first. */
function levelsOf(flows: readonly Flow[], spare: ReadonlyMap<string, number>): readonly Flow[][] {
  const levels = new Map<number, Flow[]>();
  for (const flow of flows) {
    if ((spare.get(flow.lane) ?? 0) <= 0) continue;
    const level = levels.get(flow.priority);
    if (level === undefined) levels.set(flow.priority, [flow]);
    else level.push(flow);
  }
  return [...levels].sort(([a], [b]) => b - a).map(([, level]) => level);
}

/* Adds to the rates of one priority, evenly by campaigns, until the amount is used or every lane is full.
 * Returns what was used; `spare` is what lanes have left. */
function pour(level: readonly Flow[], amount: number, spare: Map<string, number>): number {
  let left = amount;
  let open = level.filter(({ lane }) => (spare.get(lane) ?? 0) > NOTHING);
  while (open.length > 0 && left > NOTHING) {
    const shares = sharesOf(open);
    const wanted = new Map<string, number>();
    for (const [flow, share] of shares) add(wanted, flow.lane, share);
    let each = left / sum(shares.values());
    for (const [lane, share] of wanted) each = Math.min(each, (spare.get(lane) ?? 0) / share);
    for (const [flow, share] of shares) flow.rate += share * each;
    for (const [lane, share] of wanted) {
      const rest = (spare.get(lane) ?? 0) - share * each;
      spare.set(lane, rest <= SAME * each * share ? 0 : rest);
    }
    left -= each * sum(shares.values());
    open = open.filter(({ lane }) => (spare.get(lane) ?? 0) > NOTHING);
  }
  return amount - left;
}

/* Of what a priority is given: 1 for each campaign, divided among its lanes by what they hold. */
function sharesOf(flows: readonly Flow[]): ReadonlyMap<Flow, number> {
  const held = new Map<string | null, number>();
  for (const { campaign, left } of flows) held.set(campaign, (held.get(campaign) ?? 0) + left);
  return new Map(flows.map((flow) => [flow, flow.left / (held.get(flow.campaign) ?? 1)]));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
