/**
 * Windows longer than a second, for people: which of them a message waits for, and how much of each is used.
 * What they show is the daemon's own count, aged to the moment that is asked about.
 */
import type { Config } from '../config/config.ts';
import { stripControls } from '../core/mask.ts';
import { capsOf, type CapRow } from '../spool/caps.ts';
import type { Database } from '../spool/open.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { tableOf } from '../terminal/table.ts';
import type { Outlook } from './outlook.ts';

/** A message's lane, as its row names it. */
export interface LaneOf {
  readonly account: string | null;
  readonly sender: string | null;
}

/** Every window that a lane is counted by: its account's, its group's, its sender's. */
export function capsOfLane(
  db: Database,
  lane: LaneOf,
  { config, now }: { readonly config: Config; readonly now: number },
): readonly CapRow[] {
  const name = lane.account ?? config.defaultAccount;
  const account = config.accounts.find((one) => one.name === name);
  const nested = account?.nested ?? null;
  if (account === undefined || nested === null) return [];
  const sender = lane.sender ?? account.sender ?? '';
  const group = nested.groups.find(({ senders }) => senders.includes(sender));
  return capsOf(db, now, account.name).filter(
    (cap) =>
      cap.scope === 'account' ||
      (cap.scope === 'sender' && cap.name === sender) ||
      (cap.scope === 'group' && cap.name === group?.name),
  );
}

/** What is known of a message, and that it waits for a window that is used up, where it does. */
export function withCaps(outlook: Outlook, caps: readonly CapRow[]): Outlook {
  const [last] = caps
    .flatMap((cap) => (cap.freesAt === null ? [] : [{ ...cap, freesAt: cap.freesAt }]))
    .toSorted((a, b) => b.freesAt - a.freesAt);
  if (last === undefined || outlook.goesAt === null) return outlook;
  const { freesAt, used } = last;
  const count = used.toLocaleString('en');
  const waitsFor = `${nameOf(last)}, used up (${count} of ${last.allowed.toLocaleString('en')} ${partsOf(last)} in a ${WORDS[last.span]}) until ${localTime(freesAt)}`;
  return { ...outlook, waitsFor, goesAt: Math.max(outlook.goesAt, freesAt) };
}

/** The windows of a whole spool as a table; null = there are none. */
export function capTable(caps: readonly CapRow[]): string | null {
  if (caps.length === 0) return null;
  const columns = [
    { head: 'WINDOW OF', fit: 'cut' },
    { head: 'ALLOWS', align: 'right' },
    { head: 'USED', align: 'right' },
    { head: 'COUNTS' },
    { head: 'FREES' },
  ] as const;
  return tableOf(
    columns,
    caps.map((cap) => [
      stripControls(nameOf(cap)),
      `${cap.allowed.toLocaleString('en')}/${cap.span}`,
      cap.used.toLocaleString('en'),
      partsOf(cap),
      cap.freesAt === null ? '' : localTime(cap.freesAt),
    ]),
  );
}

/** The same as a document: everything but what is the daemon's own. */
export function capDocument(cap: CapRow): Readonly<Record<string, unknown>> {
  const { account, scope, name, span, per, zone, allowed, used } = cap;
  const subject = scope === 'account' ? {} : { [scope]: name };
  const figures = { allowed, used, frees_at: isoTime(cap.freesAt) };
  return { kind: 'window', account, ...subject, span, per, zone, ...figures };
}

const WORDS = { min: 'minute', h: 'hour', day: 'day' } as const;

function nameOf({ account, scope, name }: CapRow): string {
  return scope === 'account' ? `account ${account}` : `${scope} ${name}`;
}

function partsOf({ per }: CapRow): string {
  return per === 'part' ? 'parts' : 'requests';
}
