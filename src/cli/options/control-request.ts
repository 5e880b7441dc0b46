/**
 * Writes control rows for `cancel`, `requeue`, `retry`, `pause` and `resume`, as any program could, and waits a short
 * time for the daemon to settle them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDurationMs } from '../../config/duration-values.ts';
import { EVERYTHING } from '../../core/account/stops.ts';
import { EXIT } from '../../terminal/exit-codes.ts';
import { askFor, type ControlRequest } from '../../spool/write/insert.ts';
import { verbOf, type ControlVerb } from '../../spool/write/control.ts';
import type { Database } from '../../spool/file/open.ts';
import { controlRows, messageOf, type ControlRecord } from '../../spool/read/queries.ts';
import { printJson, printLine } from '../../terminal/print.ts';
import { withIsoTimes } from '../../terminal/times.ts';

export interface AskOptions {
  /** Milliseconds. */
  readonly wait: number;
  readonly json?: true;
}

const POLL_MS = 25;
const DEFAULT_WAIT_MS = 3_000;

export function withAskOptions(command: Command): Command {
  const wait = new Option('--wait <duration>', 'how long to wait for the daemon; 0 = not at all');
  return command
    .addOption(wait.argParser(parseWait).default(DEFAULT_WAIT_MS, '3s'))
    .option('--json', 'one JSON document a request');
}

function parseWait(value: string): number {
  const waitMs = value === '0' ? 0 : parseDurationMs(value);
  if (waitMs === null) throw new InvalidArgumentError('Expected a duration such as 3s or 500ms.');
  return waitMs;
}

/** Asks, waits and prints what happened. A refusal makes the exit code 1; one still open does not. */
export async function ask(
  db: Database,
  requests: readonly ControlRequest[],
  options: AskOptions,
): Promise<void> {
  const ids = askFor(db, requests);
  const rows = await settled(db, ids, options.wait);
  for (const row of rows) {
    await (options.json ? printJson(jsonOf(row)) : printLine(sentenceOf(row, db)));
  }
  const open = rows.filter((row) => row.done_at === null).length;
  if (open > 0 && !options.json) {
    const them = open === 1 ? 'it' : 'them';
    await printLine(
      `Stored ${them}; the daemon acts on ${them} when it runs. ` +
        'Open requests are shown by: sms-spoold stats',
    );
  }
  if (rows.some((row) => row.refused !== null)) process.exitCode = EXIT.failed;
}

async function settled(
  db: Database,
  ids: readonly number[],
  waitMs: number,
): Promise<readonly ControlRecord[]> {
  const endsAt = performance.now() + waitMs;
  for (;;) {
    const rows = controlRows(db, ids);
    const isDone = rows.every((row) => row.done_at !== null);
    if (isDone || performance.now() >= endsAt) return rows;
    await sleep(POLL_MS);
  }
}

const DONE: Readonly<Record<ControlVerb, string>> = {
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
  requeue: 'requeued',
  retry: 'sent now',
  'restored-hold': 'held as uncertain',
  'restored-resend': 'sent again',
};

function sentenceOf(row: ControlRecord, db: Database): string {
  const subject = subjectOf(row);
  if (row.refused !== null) return `${subject}: refused, ${row.refused}`;
  if (row.done_at === null) return `${subject}: not done yet (request ${row.id})`;
  if (row.verb === 'cancel' && row.message_id !== null) {
    // What is uncertain cannot be taken back, but it is not sent again.
    const state = messageOf(db, row.message_id)?.state ?? 'cancelled';
    if (state === 'uncertain') return `${subject}: is uncertain, and never sent again`;
  }
  const verb = verbOf(row.verb);
  const done = verb === null ? row.verb : DONE[verb];
  const isMany = row.campaign !== null || row.filter !== null || row.account === null;
  if (row.message_id !== null || !isMany) return `${subject}: ${done}`;
  const affected = row.affected ?? 0;
  return `${subject}: ${affected} ${affected === 1 ? 'message' : 'messages'} ${done}`;
}

function subjectOf(row: ControlRecord): string {
  if (row.message_id !== null) return `message ${row.message_id}`;
  if (row.campaign !== null) return `campaign ${row.campaign}`;
  if (row.filter !== null) return 'the selection';
  if (row.account === null) return 'the restored spool';
  if (row.account === EVERYTHING) return 'everything';
  const account = `account ${row.account}`;
  return row.sender === null ? account : `sender ${row.sender} of ${account}`;
}

export function jsonOf(row: ControlRecord): Readonly<Record<string, unknown>> {
  return withIsoTimes(row, 'asked_at', 'done_at');
}
