/** `why`: what messages are waiting for, and when each will go, in one sentence or two. */
import { Command } from 'commander';
import { deadlineOf } from '../core/judge-row.ts';
import { sentenceOf } from '../core/stop-words.ts';
import { stopFor, type Stop } from '../core/stops.ts';
import { CommandError } from '../exit-codes.ts';
import { dueOf, messageOf, type MessageRow } from '../spool/queries.ts';
import { runOfMessage, type KnownRun } from '../spool/set-aside.ts';
import { print, printJson, printLine } from '../terminal/print.ts';
import { isoTime, localTime, timeSpan } from '../terminal/times.ts';
import { outlookOptionsOf } from './allowance.ts';
import { capFields } from './caps.ts';
import { defaultsOf, openToRead, type OpenedSpool } from './opened.ts';
import { outlookOf, type Outlook } from './outlook.ts';
import { parseId } from './show.ts';
import { daemonJson, daemonLine, stopJson, stoppedNow, type Stopped } from './stopped.ts';

export function whyCommand(): Command {
  return new Command('why')
    .summary('what a message waits for, and when it will go')
    .description(
      'Says why a message is in its state and, while it waits, what it is waiting for, how many go ' +
        'first, when it will go, and whether that is before it expires. An estimate: rows that are ' +
        'added later and go earlier, and other users of the account, are not in it.',
    )
    .argument('<id...>', 'ids of messages', parseIds)
    .option('--json', 'one JSON document a line')
    .addHelpText('after', '\nExample:\n  $ sms-spoold why 41')
    .action(why);
}

const parseIds = (text: string, before: readonly number[] = []): readonly number[] => [
  ...before,
  parseId(text),
];

async function why(
  ids: readonly number[],
  options: { readonly json?: true },
  command: Command,
): Promise<void> {
  using spool = openToRead(command);
  const stopped = await stoppedNow(spool, Date.now() / 1000);
  const line = options.json ? null : daemonLine(stopped);
  if (line !== null) await print(`${line}\n`);
  for (const id of ids) {
    const row = messageOf(spool.db, id);
    if (row === null) {
      throw new CommandError(`there is no message ${id} (never added, or pruned)`);
    }
    const now = Date.now() / 1000;
    const answer = answerOf({ spool, stopped }, row, now);
    if (options.json) {
      await printJson({ ...documentOf(row, answer, now), daemon: daemonJson(stopped) });
    } else await printLine(`${several(ids, row)}${sentence(row, answer, now)}`);
  }
}

/* Of one nobody needs to be told which. */
function several(ids: readonly number[], { id }: MessageRow): string {
  return ids.length > 1 ? `${id}: ` : '';
}

function documentOf(row: MessageRow, answer: Answer, now: number): object {
  return {
    id: row.id,
    state: row.state,
    reason: row.reason,
    waiting_for: answer.waitsFor,
    ahead: answer.ahead,
    rate: answer.rate,
    asked_at: isoTime(now),
    goes_at: isoTime(answer.goesAt),
    expires_at: isoTime(answer.deadline),
    window: windowIn(answer),
    stopped_by: answer.stop === null ? null : stopJson(answer.stop),
  };
}

function windowIn({ window }: Answer): object | null {
  if (window === null) return null;
  return { ...capFields(window.cap), used_up_until: isoTime(window.until) };
}

interface Answer extends Outlook {
  /** Unix seconds; null = it does not expire any more. */
  readonly deadline: number | null;
  /** What keeps it from being sent, whoever goes first; null = nothing does. */
  readonly stop: Stop | null;
  /** Seconds after a daemon starts; null = one runs, or nobody can say. */
  readonly goesAfter: number | null;
}

const NOTHING = {
  ...{ ahead: null, rate: null, goesAt: null, window: null, deadline: null },
  ...{ stop: null, goesAfter: null },
};

interface Seen {
  readonly spool: OpenedSpool;
  readonly stopped: Stopped;
}

function answerOf({ spool, stopped }: Seen, row: MessageRow, now: number): Answer {
  const dueAt = dueOf(spool.db, row.id);
  if (row.state !== 'queued' && row.state !== 'retry') {
    return { ...NOTHING, waitsFor: waitsOutside(row, dueAt) };
  }
  const { validityMs } = spool.config.messages;
  const dates = { expiresAt: row.expires_at, sendAt: row.send_at, createdAt: row.created_at };
  const deadline = deadlineOf(dates, validityMs);
  const { account, sender } = laneOf(spool, row);
  const { daemon } = stopped;
  const others = stopped.stops.filter(({ scope }) => scope !== 'daemon');
  const stop = stopFor(others, { account, sender });
  if (stop?.scope === 'spool') return { ...NOTHING, waitsFor: waitsForEnd(stop), stop, deadline };
  const run = dueAt === null ? null : runOfMessage(spool.db, row.id);
  if (run !== null) return { ...NOTHING, waitsFor: refusedIn(run), stop, deadline };
  if (dueAt !== null) {
    const waitsFor = `its time, ${localTime(dueAt)}`;
    return { ...NOTHING, waitsFor, goesAt: daemon.isRunning ? dueAt : null, stop, deadline };
  }
  if (stop !== null) return { ...NOTHING, waitsFor: waitsForEnd(stop), stop, deadline };
  const outlook = outlookOf(spool.db, row, outlookOptionsOf(spool.config, now));
  if (daemon.isRunning) return { ...outlook, deadline, stop, goesAfter: null };
  const waitsFor = `a daemon to run, then for ${outlook.waitsFor}`;
  const goesAfter = outlook.goesAt === null ? null : Math.max(0, outlook.goesAt - now);
  const [none = null] = stopped.stops;
  return { ...outlook, waitsFor, goesAt: null, goesAfter, deadline, stop: none };
}

/* What a NULL stands for. */
function laneOf(
  { config }: OpenedSpool,
  row: MessageRow,
): { readonly account: string | null; readonly sender: string } {
  const { account: ownAccount, senders } = defaultsOf(config);
  const account = row.account ?? ownAccount;
  return { account, sender: row.sender ?? senders.get(account ?? '') ?? '' };
}

function waitsForEnd(stop: Stop): string {
  return `the end of a stop: ${sentenceOf(stop, localTime)}. What to do: ${stop.remedy}`;
}

/* It was refused, and so were others: whether that is its own fault is not known yet. */
function refusedIn({ account, sender, reason, refused }: KnownRun): string {
  const [scope, command] =
    sender === null
      ? [`account ${account}`, `sms-spoold resume ${account}`]
      : [`sender ${sender}`, `sms-spoold resume ${account} --sender ${sender}`];
  return (
    `the end of a run of refusals of ${scope}: this message was refused (${reason}), and ` +
    `${refused} in all since the run began. Others are tried one at a time. When one is accepted, ` +
    `this one fails; ${command} sends it again`
  );
}

/* What states wait for that are not about to send. */
function waitsOutside(row: MessageRow, dueAt: number | null): string {
  const until = dueAt === null ? '' : ` until ${localTime(dueAt)} at the latest`;
  switch (row.state) {
    case 'sending':
      return 'the gateway’s answer to the request that is out';
    case 'uncertain':
      return `a receipt that would prove it accepted, or the next look at it${until}`;
    case 'await-receipt':
      return `its last receipt${until}`;
    default:
      return 'nothing: this is final';
  }
}

function sentence(row: MessageRow, answer: Answer, now: number): string {
  const reason = row.reason === null ? '' : ` (${row.reason})`;
  const clauses = [`${row.state}${reason} since ${localTime(row.updated_at)}`];
  clauses.push(`waiting for ${answer.waitsFor}`);
  const { goesAt, goesAfter, deadline } = answer;
  if (goesAfter !== null) clauses.push(`goes about ${timeSpan(goesAfter)} after a daemon starts`);
  if (goesAt !== null && goesAt > now) clauses.push(`goes at about ${localTime(goesAt)}`);
  if (deadline !== null) {
    const makesIt =
      goesAt === null
        ? ''
        : goesAt < deadline
          ? ', so it will make it'
          : ', so it will not make it';
    clauses.push(`expires ${localTime(deadline)}${makesIt}`);
  }
  return clauses.join('; ');
}
