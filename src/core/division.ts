/**
 * What waits in an account, and how fast each of it goes at one moment, by the rules of who goes first: the
 * account's rate goes to first attempts but for the share of retries; among each kind to the highest priority
 * but for the reserve; within a priority campaigns have equal shares; within a campaign its lanes have theirs
 * by what they hold, since it goes by age across them. A lane takes no more than its own limit and its group's,
 * and what it leaves is for the others.
 */
import { RETRY_SHARE } from './fairness.ts';
import { costOf, type Sluice } from './sluice.ts';

/** Rows of one lane, campaign, priority and kind. */
export interface Pile {
  /** A lane's name; lanes without a limit, and in no group, may be taken for one. */
  readonly lane: string;
  readonly campaign: string | null;
  readonly priority: number;
  /** 1 = they were tried before, and that counted. */
  readonly isRetry: 0 | 1;
  readonly count: number;
  /** Parts that one of them becomes, on average. */
  readonly parts: number;
}

/** A pile as it is carried off. */
export interface Flow extends Pile {
  /** The rules it goes through beside the account's: its lane's, its group's. */
  readonly sluices: readonly Sluice[];
  left: number;
  /** Messages per second, at this moment. */
  rate: number;
  /** When its last row went; 0 = it has not yet. */
  goneS: number;
}

/** The whole that is divided. */
export interface Basin {
  readonly account: Sluice;
  /** The share for lower priorities than the highest that waits, 0 to 0.5. */
  readonly reserve: number;
}

/** Amounts within this share of one another are taken as one. */
export const SAME = 0.005;
const NOTHING = 1e-9;

/** What sluices beside the account's have left to give, in permits per second. */
type Spare = Map<Sluice, number>;

/** Of one kind: messages are poured from the account's permits through their own sluices. */
interface Pouring {
  readonly account: Sluice;
  readonly reserve: number;
  readonly spare: Spare;
}

/** Gives each flow its rate, and each sluice what goes through it. */
export function divide(flows: readonly Flow[], { account, reserve }: Basin, atS: number): void {
  const spare: Spare = new Map();
  for (const flow of flows) {
    flow.rate = 0;
    for (const sluice of flow.sluices) {
      if (!spare.has(sluice)) spare.set(sluice, sluice.room(atS));
    }
  }
  const amount = account.room(atS);
  const open = flows.filter((flow) => roomOf(flow, spare) > 0);
  const firsts = open.filter(({ isRetry }) => isRetry === 0);
  const retries = open.filter(({ isRetry }) => isRetry === 1);
  const share = firsts.length === 0 ? 1 : retries.length === 0 ? 0 : RETRY_SHARE;
  const pouring: Pouring = { account, reserve, spare };
  let left = amount;
  keeping(spare, { flows: retries, share }, () => {
    left -= pourDown(firsts, amount * (1 - share), pouring);
  });
  left -= pourDown(retries, Math.min(left, amount * share), pouring);
  for (const kind of [firsts, retries]) left -= pourDown(kind, left, pouring);
  measure(flows, [account, ...spare.keys()], account);
}

function measure(flows: readonly Flow[], sluices: readonly Sluice[], account: Sluice): void {
  for (const sluice of sluices) sluice.flow = 0;
  for (const { rate, parts, sluices: own } of flows) {
    for (const sluice of [account, ...own]) sluice.flow += rate * costOf(sluice.allowance, parts);
  }
}

function roomOf({ sluices }: Flow, spare: Spare): number {
  return sluices.reduce((least, sluice) => Math.min(least, spare.get(sluice) ?? 0), Infinity);
}

/* While it works, limited sluices keep back that share of what they have left for these flows: the permits of a
 * lane are shared as the account's are. */
function keeping(
  spare: Spare,
  { flows, share }: { readonly flows: readonly Flow[]; readonly share: number },
  work: () => void,
): void {
  const kept = new Map<Sluice, number>();
  for (const sluice of flows.flatMap(({ sluices }) => sluices)) {
    const room = spare.get(sluice) ?? 0;
    if (room < Infinity) kept.set(sluice, room * share);
  }
  for (const [sluice, amount] of kept) add(spare, sluice, -amount);
  work();
  for (const [sluice, amount] of kept) add(spare, sluice, amount);
}

/* One kind by its priorities; returns what was used of the account's permits. */
function pourDown(flows: readonly Flow[], amount: number, pouring: Pouring): number {
  const { reserve, spare } = pouring;
  const [top = [], ...lower] = levelsOf(flows, spare);
  const share = lower.length === 0 ? 0 : reserve;
  let left = amount;
  keeping(spare, { flows: lower.flat(), share }, () => {
    left -= pour(top, amount * (1 - share), pouring);
  });
  for (const level of lower) {
    left -= pour(level, Math.min(left, (amount * share) / lower.length), pouring);
  }
  for (const level of [...lower, top]) left -= pour(level, left, pouring);
  return amount - left;
}

function add<K>(amounts: Map<K, number>, key: K, amount: number): void {
  amounts.set(key, (amounts.get(key) ?? 0) + amount);
}

/* Flows that may go, the highest priority first. */
function levelsOf(flows: readonly Flow[], spare: Spare): readonly Flow[][] {
  const levels = new Map<number, Flow[]>();
  for (const flow of flows) {
    if (roomOf(flow, spare) <= 0) continue;
    const level = levels.get(flow.priority);
    if (level === undefined) levels.set(flow.priority, [flow]);
    else level.push(flow);
  }
  return [...levels].sort(([a], [b]) => b - a).map(([, level]) => level);
}

/* Adds to the rates of one priority, evenly by campaigns, until the amount is used or every lane is full.
 * Returns what was used; `spare` is what sluices have left. */
function pour(level: readonly Flow[], amount: number, { account, spare }: Pouring): number {
  const hasRoom = (flow: Flow): boolean => roomOf(flow, spare) > NOTHING;
  let left = amount;
  let open = level.filter(hasRoom);
  while (open.length > 0 && left > NOTHING) {
    const shares = sharesOf(open);
    const wanted = new Map<Sluice, number>();
    for (const [flow, share] of shares) {
      for (const sluice of [account, ...flow.sluices]) {
        add(wanted, sluice, share * costOf(sluice.allowance, flow.parts));
      }
    }
    const ofAccount = wanted.get(account) ?? 0;
    wanted.delete(account);
    let each = left / ofAccount;
    for (const [sluice, permits] of wanted) {
      each = Math.min(each, (spare.get(sluice) ?? 0) / permits);
    }
    for (const [flow, share] of shares) flow.rate += share * each;
    for (const [sluice, permits] of wanted) {
      const rest = (spare.get(sluice) ?? 0) - permits * each;
      spare.set(sluice, rest <= SAME * each * permits ? 0 : rest);
    }
    left -= each * ofAccount;
    open = open.filter(hasRoom);
  }
  return amount - left;
}

/* Of what a priority is given: 1 for each campaign, divided among its lanes by what they hold. */
function sharesOf(flows: readonly Flow[]): ReadonlyMap<Flow, number> {
  const held = new Map<string | null, number>();
  for (const { campaign, left } of flows) add(held, campaign, left);
  return new Map(flows.map((flow) => [flow, flow.left / (held.get(flow.campaign) ?? 1)]));
}
