/** `why`: what messages are waiting for, and when each will go, in one sentence or two. */
import { Command } from 'commander';
import { nextStepOf, type NextStep } from '../../core/answer/next-step.ts';
import { explainReason } from '../../core/codes/reasons.ts';
import type { Explanation } from '../../core/codes/status-codes.ts';
import { sentenceOf, stopFor, type Stop } from '../../core/account/stops.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import { dueOf, messageOf, type MessageRow } from '../../spool/read/queries.ts';
import { Due } from '../../spool/write/due.ts';
import { runOfMessage, type KnownRun } from '../../spool/write/set-aside.ts';
import { print, printJson, printLine } from '../../terminal/print.ts';
import { isoTime, localTime, timeSpan } from '../../terminal/times.ts';
import { outputWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { makePolicy } from '../../daemon/make-policy.ts';
import { forecastOptionsOf } from './allowance.ts';
import { capFields } from './usage-lines.ts';
import { defaultsOf, openToRead, type OpenedSpool } from '../open-spool.ts';
import { deadlineIn, etaOf, type MessageEta } from './message-eta.ts';
import { parseId } from '../options/selection-options.ts';
import { daemonJson, daemonLine, stopJson, stoppedNow, type Stopped } from './stop-list.ts';

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
    } else await printWrapped(`${several(ids, row)}${sentence(row, answer, now)}`);
  }
}

/* One line for a program that reads it. */
async function printWrapped(text: string): Promise<void> {
  const width = outputWidth();
  await (width === null ? printLine(text) : print(`${wrap(text, 2, width)}\n`));
}

/* The id of a single message is known. */
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
    next: answer.next === null ? null : { at: isoTime(answer.next.at), what: answer.next.what },
    meaning: answer.words?.meaning ?? null,
    remedy: answer.words?.remedy ?? null,
  };
}

function windowIn({ window }: Answer): object | null {
  if (window === null) return null;
  return { ...capFields(window.cap), used_up_until: isoTime(window.until) };
}

interface Answer extends MessageEta {
  /** Unix seconds; null = it does not expire any more. */
  readonly deadline: number | null;
  /** What keeps it from being sent, whoever goes first; null = nothing does. */
  readonly stop: Stop | null;
  /** Seconds after a daemon starts; null = one runs, or nobody can say. */
  readonly goesAfter: number | null;
  /** What happens if nothing comes in between; null = it is sent, as the rest says. */
  readonly next: NextStep | null;
  /** What its reason, or the stop that holds it up, means and asks for. */
  readonly words: Explanation | null;
}

const NOTHING = {
  ...{ ahead: null, rate: null, goesAt: null, window: null, deadline: null },
  ...{ stop: null, goesAfter: null, next: null, words: null },
};

interface Seen {
  readonly spool: OpenedSpool;
  readonly stopped: Stopped;
}

function answerOf({ spool, stopped }: Seen, row: MessageRow, now: number): Answer {
  const dueAt = dueOf(spool.db, row.id);
  if (row.state !== 'queued' && row.state !== 'retry') return answerOutside(spool, row, dueAt);
  const deadline = deadlineIn(row, spool.config.messages.validityMs);
  const { account, sender } = laneOf(spool, row);
  const { daemon } = stopped;
  const others = stopped.stops.filter(({ scope }) => scope !== 'daemon');
  const stop = stopFor(others, { account, sender });
  if (stop?.scope === 'spool') return { ...stoppedBy(stop), deadline };
  const run = dueAt === null ? null : runOfMessage(spool.db, row.id);
  if (run !== null) return { ...NOTHING, waitsFor: refusedIn(run), stop, deadline };
  if (dueAt !== null) {
    const waitsFor = `its time, ${localTime(dueAt)}`;
    return { ...NOTHING, waitsFor, goesAt: daemon.isRunning ? dueAt : null, stop, deadline };
  }
  if (stop !== null) return { ...stoppedBy(stop), deadline };
  const eta = etaOf(spool.db, row, forecastOptionsOf(spool.config, now));
  const rest = { deadline, next: null, words: null };
  if (daemon.isRunning) return { ...eta, ...rest, stop, goesAfter: null };
  const waitsFor = `a daemon to run, then for ${eta.waitsFor}`;
  const goesAfter = eta.goesAt === null ? null : Math.max(0, eta.goesAt - now);
  const [none = null] = stopped.stops;
  return { ...eta, ...rest, waitsFor, goesAt: null, goesAfter, stop: none };
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

function stoppedBy(stop: Stop): Answer {
  const { meaning, remedy } = stop;
  const isTried = stop.state === 'suspended' && stop.until !== null;
  const then = isTried ? ' with one message; if it is accepted, the others follow' : '';
  const waitsFor = `the end of a stop: ${sentenceOf(stop, localTime)}${then}`;
  return { ...NOTHING, waitsFor, stop, words: { meaning, remedy } };
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

/* Of states that are not about to send. */
function answerOutside(spool: OpenedSpool, row: MessageRow, dueAt: number | null): Answer {
  const next = nextStepIn(spool, row, dueAt);
  const isPlain = row.state === 'sending' || row.state === 'await-receipt';
  const words = isPlain ? null : explainReason(row);
  return { ...NOTHING, waitsFor: next?.waitsFor ?? 'nothing', next, words };
}

function nextStepIn(
  { db, config }: OpenedSpool,
  row: MessageRow,
  dueAt: number | null,
): NextStep | null {
  const { settle, validityMs } = makePolicy(config);
  const due = new Due(db);
  const found = due.message(row.id);
  return nextStepOf(row.state, dueAt, {
    onUncertain: found?.onUncertain ?? null,
    isCancelAsked: (found?.cancelAsked ?? null) !== null,
    isAnswered: due.isLastAnswered(row.id),
    attempts: row.attempts,
    deadline: deadlineIn(row, validityMs),
    since: row.updated_at,
    policy: settle,
  });
}

function sentence(row: MessageRow, answer: Answer, now: number): string {
  const reason = row.reason === null ? '' : ` (${row.reason})`;
  const clauses = [`${row.state}${reason} since ${localTime(row.updated_at)}`];
  const { goesAt, goesAfter, deadline, next, words } = answer;
  if (next?.isFinal === true) clauses.push(next.what);
  else clauses.push(`waiting for ${answer.waitsFor}${thenOf(next)}`);
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
  const explained = words === null ? '' : `. ${words.meaning} What to do: ${words.remedy}`;
  return `${clauses.join('; ')}${explained}`;
}

function thenOf(next: NextStep | null): string {
  if (next === null) return '';
  return next.at === null
    ? `; ${next.what}`
    : ` until ${localTime(next.at)} at the latest; then ${next.what}`;
}
