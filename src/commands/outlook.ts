/** When a message that is ready will go: what the spool says of its lane, held against what stands before it. */
import { RETRY_SHARE } from '../core/fairness.ts';
import { aheadBeside, aheadIn, secondsUntil, type LimitedLane } from '../core/outlook.ts';
import type { Database } from '../spool/open.ts';
import { standingOf, type GateRow, type ReadyCount, type Standing } from '../spool/outlook.ts';
import type { Defaults, MessageRow } from '../spool/queries.ts';
import { DEFAULT_LIMIT, paceOf, senderPaceOf } from '../throttle/pace.ts';
import { localTime } from '../terminal/times.ts';

export interface Outlook {
  /** In words, after "waiting for". */
  readonly waitsFor: string;
  /** Rows that go first; null = nobody can say. */
  readonly ahead: number | null;
  /** Messages per second of what it waits for. */
  readonly rate: number | null;
  /** Unix seconds; null = nobody can say. */
  readonly goesAt: number | null;
}

/** `row` is queued or in retry, and not waiting for an instant. */
export function outlookOf(
  db: Database,
  row: MessageRow,
  {
    defaults,
    validityMs,
    now,
  }: { readonly defaults: Defaults; readonly validityMs: number; readonly now: number },
): Outlook {
  const account = row.account ?? defaults.account;
  if (account === null) return stopped('an account: none is configured');
  const sender = row.sender ?? defaults.senders.get(account) ?? '';
  const asked = { id: row.id, account, sender, priority: row.priority, validityMs };
  const standing = standingOf(db, asked, defaults);
  const gate = standing.account;
  if (gate === null) return stopped(`account ${account}, which no daemon has known yet`);
  if (gate.state !== 'active') return stopped(stopOf(`account ${account}`, gate));
  const lane = standing.senders.get(sender) ?? null;
  if (lane !== null && lane.state !== 'active') return stopped(stopOf(`sender ${sender}`, lane));
  return moving(row, standing, { account, sender, now });
}

function moving(
  row: MessageRow,
  standing: Standing,
  {
    account,
    sender,
    now,
  }: { readonly account: string; readonly sender: string; readonly now: number },
): Outlook {
  const limit = limitOf(standing.account) ?? DEFAULT_LIMIT;
  const laneLimit = limitOf(standing.senders.get(sender) ?? null);
  const inLane = queueAhead(row, standing, (one) => one.sender === sender);
  const limited = limitedLanes(row, standing, sender);
  const free = queueAhead(
    row,
    standing,
    (one) => one.sender === sender || limitOf(standing.senders.get(one.sender) ?? null) === null,
  );
  const accountS = secondsUntil(free, paceOf(limit), limited);
  const laneS = laneLimit === null ? 0 : inLane / senderPaceOf(laneLimit);
  const isLane = laneLimit !== null && laneS >= accountS;
  const [ahead, rate] = isLane ? [inLane, laneLimit] : [free, limit];
  const lane_ = isLane ? `sender ${sender}` : `account ${account}`;
  const hasOthers = standing.ready.some((one) => one.isRetry === 0);
  const name = isRetry(row) && hasOthers ? `the retries’ share of ${lane_}` : lane_;
  const count = ahead.toLocaleString('en');
  return {
    waitsFor: `${name} (${rate}/s, ${count} ahead)`,
    ahead,
    rate,
    goesAt: now + Math.max(accountS, laneS),
  };
}

/* Of the rows that `isIn` counts, those that go before. */
function queueAhead(
  row: MessageRow,
  { ready, own }: Standing,
  isIn: (count: ReadyCount) => boolean,
): number {
  const kind = isRetry(row) ? 1 : 0;
  const all = ready.filter(isIn);
  const inside = all.filter((one) => one.isRetry === kind);
  const higher = sumOf(inside.filter(({ priority }) => priority > row.priority));
  const same = inside.filter(({ priority }) => priority === row.priority);
  const campaigns = new Map<string, number>();
  for (const one of same) {
    if (one.campaign === row.campaign) continue;
    const name = one.campaign ?? '';
    campaigns.set(name, (campaigns.get(name) ?? 0) + one.count);
  }
  const ahead = aheadIn({ higher, own, others: [...campaigns.values()] });
  const share = kind === 1 ? RETRY_SHARE : 1 - RETRY_SHARE;
  return aheadBeside(ahead, sumOf(all) - sumOf(inside), share);
}

/* Other lanes with a limit of their own, as far as they go first. */
function limitedLanes(row: MessageRow, standing: Standing, sender: string): readonly LimitedLane[] {
  return [...standing.senders].flatMap(([name, gate]) => {
    const limit = limitOf(gate);
    if (name === sender || limit === null || gate.state !== 'active') return [];
    const ahead = queueAhead(row, { ...standing, own: 0 }, (one) => one.sender === name);
    return [{ rate: senderPaceOf(limit), ahead }];
  });
}

/* As the spool's ranks have it. */
function isRetry({ state, attempts }: MessageRow): boolean {
  return state === 'retry' || attempts > 0;
}

function sumOf(counts: readonly ReadyCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

function limitOf(gate: GateRow | null): number | null {
  return gate === null ? null : (gate.learned_rate ?? gate.configured_rate);
}

function stopOf(name: string, gate: GateRow): string {
  const why = gate.reason === null ? '' : ` (${gate.reason})`;
  const probe =
    gate.next_probe_at === null ? '' : `, tried again at ${localTime(gate.next_probe_at)}`;
  return `${name}, ${gate.state}${why} since ${localTime(gate.since)}${probe}`;
}

function stopped(waitsFor: string): Outlook {
  return { waitsFor, ahead: null, rate: null, goesAt: null };
}
