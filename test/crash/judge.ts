/**
 * What must be true when all is done, whatever was killed on the way: the rules that hold the spool, the
 * status log and the sandbox's own ledger against each other.
 *
 * A rule is a query for the rows that break it; `ledger` in it is what the gateway accepted.
 */
import type { Database } from 'better-sqlite3';
import type { LedgerEntry } from '../../src/gateway/sandbox/ledger.ts';
import type { Line } from './program.ts';
import type { Crash } from './trial.ts';

export interface Evidence {
  readonly messages: number;
  /** Attempts that may be open at a time. */
  readonly openMax: number;
  readonly onUncertain: 'resend' | 'hold';
  readonly entries: readonly LedgerEntry[];
  readonly crashes: readonly Crash[];
  /** What the last run wrote, which came to its end. */
  readonly ending: readonly Line[];
}

/* Attempts that cost the message one: what never left or was the lane's trouble was given back. */
const COUNTS = `NOT (route = 'not-sent' OR (route = 'retry' AND scope <> 'message'))`;

const RULES: Readonly<Record<string, string>> = {
  'a message accepted is one the gateway accepted under that attempt, for that recipient': `
    SELECT m.id FROM messages m WHERE m.state = 'await-receipt' AND NOT EXISTS (
      SELECT 1 FROM attempts a JOIN ledger l ON l.client_ref = a.client_ref
      WHERE a.message_id = m.id AND a.route = 'await-receipt' AND l.recipient = m.recipient)`,
  'a client-ref leaves once': `
    SELECT client_ref FROM ledger GROUP BY client_ref HAVING count(*) > 1`,
  'a request leaves only after its attempt is on disk': `
    SELECT client_ref FROM ledger WHERE client_ref NOT IN (SELECT client_ref FROM attempts)`,
  'an attempt that did not leave did not arrive': `
    SELECT message_id, number FROM attempts
    WHERE route = 'not-sent' AND client_ref IN (SELECT client_ref FROM ledger)`,
  'an attempt that arrived is accepted or uncertain': `
    SELECT message_id, number, route FROM attempts
    WHERE route NOT IN ('await-receipt', 'uncertain') AND client_ref IN (SELECT client_ref FROM ledger)`,
  'a second acceptance is of a marked attempt': `
    SELECT a.message_id, a.number FROM attempts a JOIN ledger l USING (client_ref)
    WHERE a.follows IS NULL AND EXISTS (SELECT 1 FROM attempts b JOIN ledger k USING (client_ref)
      WHERE b.message_id = a.message_id AND b.number < a.number)`,
  'an attempt after an uncertain one is marked, and no other': `
    SELECT a.message_id, a.number, a.follows FROM attempts a WHERE a.follows IS NOT (
      SELECT max(b.number) FROM attempts b
      WHERE b.message_id = a.message_id AND b.number < a.number AND b.route = 'uncertain')`,
  'no attempt stays open': `
    SELECT message_id, number FROM attempts WHERE ended_at IS NULL OR route IS NULL`,
  'attempts are numbered without a gap': `
    SELECT m.id, m.last_attempt, count(a.number) AS attempts, max(a.number) AS last
    FROM messages m LEFT JOIN attempts a ON a.message_id = m.id GROUP BY m.id
    HAVING m.last_attempt <> count(a.number) OR m.last_attempt <> coalesce(max(a.number), 0)`,
  'a message says how many attempts count': `
    SELECT m.id, m.attempts FROM messages m WHERE m.attempts <> (
      SELECT count(*) FROM attempts WHERE message_id = m.id AND ${COUNTS})`,
  'each attempt has one event, with its outcome': `
    SELECT a.message_id, a.number, a.route FROM attempts a WHERE 1 <> (
      SELECT count(*) FROM events e WHERE e.message_id = a.message_id AND e.attempt = a.number
        AND e.from_state = 'sending'
        AND e.to_state = iif(a.route = 'not-sent', 'queued', a.route))`,
  'events are numbered without a gap': `
    SELECT count(*) AS events, max(seq) AS last FROM events HAVING count(*) <> max(seq)`,
  'the events of a message are its way, and end in its state': `
    SELECT * FROM (SELECT e.message_id, e.seq, e.from_state, e.to_state, m.state,
        lag(to_state, 1, 'queued') OVER way AS earlier, lead(seq) OVER way AS later
      FROM events e JOIN messages m ON m.id = e.message_id
      WINDOW way AS (PARTITION BY message_id ORDER BY seq))
    WHERE NOT (from_state = earlier OR (from_state = 'sending' AND earlier IN ('queued', 'retry')))
      OR (later IS NULL AND to_state <> state)`,
  'parts are there for accepted attempts alone, as the gateway gave them': `
    SELECT a.message_id, a.number, a.route FROM attempts a
    LEFT JOIN ledger l ON l.client_ref = a.client_ref
    WHERE (SELECT json_group_array(gateway_id) FROM (SELECT gateway_id FROM parts p
      WHERE p.message_id = a.message_id AND p.attempt = a.number ORDER BY p.number))
      <> iif(a.route = 'await-receipt', coalesce(l.message_ids, 'none accepted'), '[]')`,
  'a message has the parts and the price of its accepted attempt': `
    SELECT m.id, m.parts, m.price FROM messages m
    WHERE m.state = 'await-receipt' AND NOT EXISTS (SELECT 1 FROM parts p
      WHERE p.message_id = m.id GROUP BY p.message_id
      HAVING count(*) = m.parts AND abs(sum(p.price) - m.price) < 1e-9)`,
};

const RULES_WHEN: Readonly<Record<Evidence['onUncertain'], Readonly<Record<string, string>>>> = {
  resend: {
    'every message ends accepted': `SELECT id, state FROM messages WHERE state <> 'await-receipt'`,
  },
  hold: {
    'every message ends accepted or uncertain': `
      SELECT id, state FROM messages WHERE state NOT IN ('await-receipt', 'uncertain')`,
    'an uncertain message is not looked at again before receipts are out of time': `
      SELECT id, due_at - updated_at AS wait FROM messages
      WHERE state = 'uncertain' AND due_at - updated_at < 70 * 3600`,
    'no message is sent twice': `
      SELECT recipient, count(*) FROM ledger GROUP BY recipient HAVING count(*) > 1`,
    'nothing follows an uncertain attempt': `
      SELECT message_id, number FROM attempts WHERE follows IS NOT NULL`,
  },
};

/** Each rule that does not hold, with the first rows that break it; none = all is well. */
export function judge(db: Database, evidence: Evidence): readonly string[] {
  lay(db, evidence.entries);
  const broken = Object.entries({ ...RULES, ...RULES_WHEN[evidence.onUncertain] }).flatMap(
    ([rule, sql]) => complain(rule, db.prepare(sql).all()),
  );
  return [
    ...complain('the spool is sound', soundness(db)),
    ...complain('no message is lost', lost(db, evidence.messages)),
    ...broken,
    ...complain('open attempts are bounded', tooManyOpen(evidence)),
    ...complain('exactly what was open became uncertain', notUncertain(db, evidence)),
    ...complain('the log says what the events say', lies(db, evidence)),
    ...complain(
      'the log lacks no more than what was committed last before a kill',
      silences(evidence),
    ),
  ];
}

function complain(rule: string, offenders: readonly unknown[]): readonly string[] {
  if (offenders.length === 0) return [];
  return [`${rule}: ${offenders.length} × ${JSON.stringify(offenders.slice(0, 3))}`];
}

function lay(db: Database, entries: readonly LedgerEntry[]): void {
  db.exec('CREATE TEMP TABLE ledger (client_ref TEXT, recipient TEXT, message_ids TEXT)');
  const insert = db.prepare('INSERT INTO ledger VALUES (?, ?, ?)');
  for (const { clientRef, to, messageIds } of entries) {
    insert.run(clientRef, to, JSON.stringify(messageIds));
  }
  db.exec('CREATE INDEX temp.ledger_ref ON ledger(client_ref)');
}

function soundness(db: Database): readonly unknown[] {
  const found = db.pragma('integrity_check') as readonly { readonly integrity_check: string }[];
  return found.filter((row) => row.integrity_check !== 'ok');
}

function lost(db: Database, messages: number): readonly unknown[] {
  const ids = new Set(db.prepare<[], number>('SELECT id FROM messages').pluck().all());
  return Array.from({ length: messages }, (_, index) => index + 1).filter((id) => !ids.has(id));
}

function tooManyOpen({ crashes, openMax }: Evidence): readonly unknown[] {
  return crashes.map(({ open }) => open.length).filter((count) => count > openMax);
}

/* One event for each attempt that a kill left open, written by the next run that got so far. */
function notUncertain(db: Database, { crashes }: Evidence): readonly unknown[] {
  const events = db
    .prepare<[], [number, number]>(
      `SELECT seq, message_id FROM events WHERE to_state = 'uncertain'`,
    )
    .raw()
    .all();
  const runs = [{ open: [], lastSeq: 0 }, ...crashes];
  return runs.flatMap(({ open, lastSeq }, index) => {
    const next = runs[index + 1];
    const isUntouched = next?.lastSeq === lastSeq && sorted(next.open) === sorted(open);
    const expected = isUntouched ? [] : open;
    const became = events
      .filter(([seq]) => seq > lastSeq && seq <= (next?.lastSeq ?? Infinity))
      .map(([, id]) => id);
    return sorted(became) === sorted(expected) ? [] : [{ after: index, expected, became }];
  });
}

const sorted = (ids: readonly number[]): string => [...ids].sort((a, b) => a - b).join();

function lies(db: Database, { crashes, ending }: Evidence): readonly unknown[] {
  const event = db.prepare<[number], [string, number | null]>(
    'SELECT event, message_id FROM events WHERE seq = ?',
  );
  return [...crashes.map(({ lines }) => lines), ending].flat().filter((line) => {
    if (line.seq === undefined) return false;
    const row = event.raw().get(line.seq);
    return row?.[0] !== line.event || (row[1] ?? undefined) !== line.id;
  });
}

/* Each run goes on where the one before ended on disk; only what it committed last may be missing. */
function silences({ crashes, ending }: Evidence): readonly unknown[] {
  const runs = [...crashes, { lines: ending, lastSeq: Infinity }];
  return runs.flatMap(({ lines, lastSeq }, index) => {
    const first = (crashes[index - 1]?.lastSeq ?? 0) + 1;
    const seqs = lines.flatMap(({ seq }) => seq ?? []);
    return seqs.filter((seq, at) => seq !== first + at || seq > lastSeq);
  });
}
