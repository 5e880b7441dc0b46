/**
 * Describes usage windows (longer than a second) for people: which one a message waits for, and how much of each is
 * used. The counts are those of the daemon, aged to the asked instant.
 */
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { cut, right, tableOf } from '../../terminal/table.ts';
import { outputWidth } from '../../terminal/terminal-width.ts';

/** A window that is used up, or will be before the message goes. */
export interface HeldBy {
  readonly cap: UsageWindowRow;
  /** The end of the last wait for it (Unix seconds); null = its permits come back one by one. */
  readonly until: number | null;
}

/** Continues "waiting for"; `facts` are added in brackets. */
export function waitFor({ cap, until }: HeldBy, facts: readonly string[]): string {
  const { allowed, used, span, freesAt } = cap;
  const [name, count, unit] = [nameOf(cap), allowed.toLocaleString('en'), partsOf(cap)];
  const times = until === null ? [] : [`until ${localTime(until)}`];
  if (freesAt === null) {
    const window = `${count} ${unit} of ${OF_WHICH[span]}`;
    const rest = [...times, ...facts].join(', ');
    return `${name}, whose ${window} will be used up before its turn (${rest})`;
  }
  const now = `${name}, used up (${used.toLocaleString('en')} of ${count} ${unit} in a ${WORDS[span]})`;
  if (until !== null && until < freesAt + SAME_S) return `${now} until ${localTime(until)}`;
  return `${now} and again before its turn (${[...times, ...facts].join(', ')})`;
}

/** The windows of a spool as a table; null = there are none. */
export function capTable(
  caps: readonly UsageWindowRow[],
  width: number | null = outputWidth(),
): string | null {
  if (caps.length === 0) return null;
  const isOfSeveral = caps.some(({ account }) => account !== caps[0]?.account);
  return tableOf(
    [cut('WINDOW OF'), right('ALLOWS'), right('USED'), 'COUNTS', 'FREES'],
    caps.map((cap) => [
      isOfSeveral && cap.scope !== 'account' ? `${nameOf(cap)} of ${cap.account}` : nameOf(cap),
      `${cap.allowed.toLocaleString('en')}/${cap.span}`,
      cap.used.toLocaleString('en'),
      partsOf(cap),
      cap.freesAt === null ? '' : localTime(cap.freesAt),
    ]),
    width,
  );
}

export function capDocument(cap: UsageWindowRow): object {
  return { kind: 'window', ...capFields(cap) };
}

export function capFields(cap: UsageWindowRow): object {
  const { account, scope, name, span, per, zone, allowed, used } = cap;
  const subject = scope === 'account' ? {} : { [scope]: name };
  const figures = { allowed, used, frees_at: isoTime(cap.freesAt) };
  return { account, ...subject, span, per, zone, ...figures };
}

/** Instants that differ by less are one. */
const SAME_S = 1;
const OF_WHICH = { min: 'a minute', h: 'an hour', day: 'the day' } as const;
const WORDS = { min: 'minute', h: 'hour', day: 'day' } as const;

function nameOf({ account, scope, name }: UsageWindowRow): string {
  return name === null ? `account ${account}` : `${scope} ${name}`;
}

function partsOf({ per }: UsageWindowRow): string {
  return per === 'part' ? 'parts' : 'requests';
}
