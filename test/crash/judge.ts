/**
 * What must be true after every kill, and when all is done, whatever was killed on the way: the rules that
 * hold the spool, the status log and the sandbox's own ledger against each other.
 *
 * A rule is a query for the rows that break it; `ledger` in it is what the gateway accepted.
 */
import type { Database } from 'better-sqlite3';
import type { LedgerEntry } from '../../src/sandbox/sandbox-ledger.ts';
import type { Line } from './program.ts';
import type { Crash } from './trial.ts';

/** What the gateway says of accepted messages later on: nothing, all of it, or all of it is lost. */
export type Receipts = 'none' | 'sent' | 'lost';

/** What a kill left is held against. */
export interface Trace {
  readonly messages: number;
  /** What the gateway accepted so far. */
  readonly entries: readonly LedgerEntry[];
  /** Receipts that were answered well so far, repeats not among them. */
  readonly answered: number;
}

export interface Evidence extends Trace {
  /** Attempts that may be open at a time. */
  readonly openMax: number;
  readonly onUncertain: 'resend' | 'hold';
  readonly receipts: Receipts;
  readonly crashes: readonly Crash[];
  /** What the last run wrote, which came to its end. */
  readonly ending: readonly Line[];
}

type Rules = Readonly<Record<string, string>>;

/* Attempts that cost the message one: what never left or was the lane's trouble was given back. */
const COUNTS = `NOT (route = 'not-sent' OR (route = 'retry' AND scope <> 'message'))`;

/* What a receipt told of is an attempt that has ended, and proves it accepted. */
const PROVED = `EXISTS (SELECT 1 FROM receipts r WHERE r.message_id = a.message_id AND r.attempt = a.number)`;

const ids = (column: string, source: string): string =>
  `(SELECT json_group_array(id) FROM (SELECT DISTINCT ${column} AS id FROM ${source} ORDER BY 1))`;

const ALWAYS: Rules = {
  'what waits to be sent is surely unsent, or marked': `
    SELECT m.id, m.state FROM messages m JOIN attempts a ON a.message_id = m.id
    WHERE m.state IN ('queued', 'retry') AND m.follows IS NULL
      AND a.client_ref IN (SELECT client_ref FROM ledger)`,
  'a message is sending for as long as its last attempt is open, and no other is': `
    SELECT m.id, m.state, a.number FROM messages m JOIN attempts a ON a.message_id = m.id
    WHERE (a.route IS NULL) <> (m.state = 'sending' AND a.number = m.last_attempt)`,
  'a message accepted is one the gateway accepted under that attempt, for that recipient': `
    SELECT m.id FROM messages m WHERE m.state IN ('await-receipt', 'delivered') AND NOT EXISTS (
      SELECT 1 FROM attempts a JOIN ledger l ON l.client_ref = a.client_ref
      WHERE a.message_id = m.id AND (a.route = 'await-receipt' OR ${PROVED})
        AND l.recipient = m.recipient)`,
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
  'attempts are numbered without a gap': `
    SELECT m.id, m.last_attempt, count(a.number) AS attempts, max(a.number) AS last
    FROM messages m LEFT JOIN attempts a ON a.message_id = m.id GROUP BY m.id
    HAVING m.last_attempt <> count(a.number) OR m.last_attempt <> coalesce(max(a.number), 0)`,
  'events are numbered without a gap': `
    SELECT count(*) AS events, max(seq) AS last FROM events HAVING count(*) <> max(seq)`,
  'parts are there for accepted attempts alone, as the gateway or its receipts gave them': `
    SELECT a.message_id, a.number, a.route FROM attempts a
    LEFT JOIN ledger l ON l.client_ref = a.client_ref
    WHERE ${ids('gateway_id', 'parts p WHERE p.message_id = a.message_id AND p.attempt = a.number')}
      <> CASE a.route WHEN 'await-receipt' THEN ${ids('value', 'json_each(l.message_ids)')}
        WHEN 'uncertain' THEN ${ids('gateway_id', 'receipts r WHERE r.message_id = a.message_id AND r.attempt = a.number')}
        ELSE '[]' END`,
  'a message has the parts and the price of its accepted attempt': `
    SELECT m.id, m.parts, m.price FROM messages m
    WHERE m.state IN ('await-receipt', 'delivered') AND NOT EXISTS (SELECT 1 FROM parts p
      WHERE p.message_id = m.id GROUP BY p.message_id
      HAVING count(*) = m.parts AND abs(sum(p.price) - m.price) < 1e-9)`,
  'a receipt is kept once, for the attempt it names': `
    SELECT r.id, r.message_id FROM receipts r WHERE r.message_id IS NOT NULL AND (
      NOT EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = r.message_id
        AND a.number = r.attempt AND a.client_ref = r.client_ref)
      OR EXISTS (SELECT 1 FROM receipts s WHERE s.message_id = r.message_id AND s.id < r.id
        AND s.gateway_id = r.gateway_id AND s.status = r.status))`,
};

const WHEN_DONE: Rules = {
  'no attempt stays open': `
    SELECT message_id, number FROM attempts WHERE ended_at IS NULL OR route IS NULL`,
  'a message says how many attempts count': `
    SELECT m.id, m.attempts FROM messages m WHERE m.attempts <> (
      SELECT count(*) FROM attempts WHERE message_id = m.id AND ${COUNTS})`,
  'each attempt has one event, with its outcome': `
    SELECT a.message_id, a.number, a.route FROM attempts a WHERE 1 <> (
      SELECT count(*) FROM events e WHERE e.message_id = a.message_id AND e.attempt = a.number
        AND e.from_state = 'sending'
        AND e.to_state = iif(a.route = 'not-sent', 'queued', a.route))`,
  'the events of a message are its way, and end in its state': `
    SELECT * FROM (SELECT e.message_id, e.seq, e.from_state, e.to_state, m.state,
        lag(to_state, 1, 'queued') OVER way AS earlier, lead(seq) OVER way AS later
      FROM events e JOIN messages m ON m.id = e.message_id
      WINDOW way AS (PARTITION BY message_id ORDER BY seq))
    WHERE NOT (from_state = earlier OR (from_state = 'sending' AND earlier IN ('queued', 'retry')))
      OR (later IS NULL AND to_state <> state)`,
};

const NEVER_TWICE: Rules = {
  'no message is sent twice': `
    SELECT recipient, count(*) FROM ledger GROUP BY recipient HAVING count(*) > 1`,
};

const NEVER_AGAIN: Rules = {
  ...NEVER_TWICE,
  'nothing follows an uncertain attempt': `
    SELECT message_id, number FROM attempts WHERE follows IS NOT NULL`,
};

const ACCEPTED: Rules = {
  'every message ends accepted': `SELECT id, state FROM messages WHERE state <> 'await-receipt'`,
};

const HELD: Rules = {
  ...NEVER_AGAIN,
  'every message ends accepted or uncertain': `
    SELECT id, state FROM messages WHERE state NOT IN ('await-receipt', 'uncertain')`,
  'an uncertain message is not looked at again before receipts are out of time': `
    SELECT id, due_at - updated_at AS wait FROM messages
    WHERE state = 'uncertain' AND due_at - updated_at < 70 * 3600`,
};

const UNCONFIRMED: Rules = {
  ...NEVER_AGAIN,
  'every message ends unconfirmed, and says why': `
    SELECT m.id, m.state, m.reason, a.route FROM messages m
    LEFT JOIN attempts a ON a.message_id = m.id AND a.number = m.last_attempt
    WHERE m.state <> 'unconfirmed' OR m.reason IS NOT CASE a.route
      WHEN 'uncertain' THEN 'unanswered' WHEN 'await-receipt' THEN 'no-final-receipt' END`,
};

const DELIVERED: Rules = {
  ...NEVER_TWICE,
  'every message ends delivered': `SELECT id, state FROM messages WHERE state <> 'delivered'`,
  'no duplicate is written down': `SELECT seq FROM events WHERE event = 'message.duplicate'`,
  'every receipt is kept': `
    SELECT i.value, w.value FROM ledger l, json_each(l.message_ids) i, json_each(l.words) w
    LEFT JOIN receipts r ON r.gateway_id = i.value AND r.status = w.value
    WHERE r.client_ref IS NOT l.client_ref`,
  'each part is told of its delivery': `
    SELECT message_id, attempt, number FROM parts WHERE receipt_status IS NOT 'delivered'`,
};

const ENDS: Readonly<Record<Receipts, Readonly<Record<Evidence['onUncertain'], Rules>>>> = {
  none: { resend: ACCEPTED, hold: HELD },
  sent: { resend: DELIVERED, hold: { ...DELIVERED, ...NEVER_AGAIN } },
  lost: { resend: ACCEPTED, hold: UNCONFIRMED },
};

/** Each rule that does not hold, with the first rows that break it; none = all is well. */
export function judge(db: Database, evidence: Evidence): readonly string[] {
  const { crashes, receipts, onUncertain } = evidence;
  return [
    ...crashes.flatMap(({ complaints }) => complaints),
    ...judgeLeft(db, evidence),
    ...broken(db, { ...WHEN_DONE, ...ENDS[receipts][onUncertain] }),
    ...complain('open attempts are bounded', tooManyOpen(evidence)),
    ...complain('exactly what was open became uncertain', notUncertain(db, evidence)),
    ...complain('the log says what the events say', lies(db, evidence)),
    ...complain('the log lacks nothing of the events, over all runs', silences(db, evidence)),
  ];
}

/** The same for what holds after every kill, before anything is made good. */
export function judgeLeft(db: Database, trace: Trace): readonly string[] {
  lay(db, trace.entries);
  return [
    ...complain('the spool is sound', soundness(db)),
    ...complain('no message is lost', lost(db, trace.messages)),
    ...complain('every receipt that was answered is on disk', unkept(db, trace.answered)),
    ...broken(db, ALWAYS),
  ];
}

function broken(db: Database, rules: Rules): readonly string[] {
  return Object.entries(rules).flatMap(([rule, sql]) => complain(rule, db.prepare(sql).all()));
}

function complain(rule: string, offenders: readonly unknown[]): readonly string[] {
  if (offenders.length === 0) return [];
  return [`${rule}: ${offenders.length} × ${JSON.stringify(offenders.slice(0, 3))}`];
}

function lay(db: Database, entries: readonly LedgerEntry[]): void {
  db.exec(
    'CREATE TEMP TABLE ledger (client_ref TEXT, recipient TEXT, message_ids TEXT, words TEXT)',
  );
  const insert = db.prepare('INSERT INTO ledger VALUES (?, ?, ?, ?)');
  for (const { clientRef, to, messageIds, words } of entries) {
    insert.run(clientRef, to, JSON.stringify(messageIds), JSON.stringify(words));
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

function unkept(db: Database, answered: number): readonly unknown[] {
  const kept = db.prepare<[], number>('SELECT count(*) FROM receipts').pluck().get() ?? 0;
  return kept < answered ? [{ answered, kept }] : [];
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

/* Each run writes what the one before committed and did not write, maybe some of its last lines again, and
 * then goes on without a gap: in the end every event has its line. */
function silences(db: Database, { crashes, ending }: Evidence): readonly unknown[] {
  const last = db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM events').pluck().get();
  const runs = [...crashes, { lines: ending, lastSeq: last ?? 0 }];
  let logged = 0;
  const wrong = runs.flatMap(({ lines, lastSeq }, run) => {
    const seqs = lines.flatMap(({ seq }) => seq ?? []);
    const [first = logged + 1] = seqs;
    const gaps = seqs.filter((seq, at) => seq !== first + at || seq > lastSeq);
    const late = first > logged + 1 ? [{ run, first, logged }] : [];
    logged = Math.max(logged, seqs.at(-1) ?? 0);
    return [...gaps, ...late];
  });
  return logged === last ? wrong : [...wrong, { logged, last }];
}
