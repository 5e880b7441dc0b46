/** `why`: says what messages wait for, and when each will go, in one sentence or two. */
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
    .summary('say what a message waits for, and when it will go')
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

const parseIds = (text: string, before: readonly number[] = []): readonly number[] =>
  before.concat(parseId(text));

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
    const answer = answerOf(spool, stopped, row, now);
    if (options.json) {
      await printJson({ ...documentOf(row, answer, now), daemon: daemonJson(stopped) });
    } else await printWrapped(`${ids.length > 1 ? `${id}: ` : ''}${sentence(row, answer, now)}`);
  }
}

/* One line for a program that reads it. */
async function printWrapped(text: string): Promise<void> {
  const width = outputWidth();
  await (width === null ? printLine(text) : print(`${wrap(text, 2, width)}\n`));
}

function documentOf(row: MessageRow, answer: WhyAnswer, now: number): object {
  const { window, stop, next, words } = answer;
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
    window:
      window === null ? null : { ...capFields(window.cap), used_up_until: isoTime(window.until) },
    stopped_by: stop === null ? null : stopJson(stop),
    next: next === null ? null : { at: isoTime(next.at), what: next.what },
    meaning: words?.meaning ?? null,
    remedy: words?.remedy ?? null,
  };
}

interface WhyAnswer extends MessageEta {
  /** Unix seconds; null = it does not expire any more. */
  readonly deadline: number | null;
  /** What keeps it from being sent; null = nothing. */
  readonly stop: Stop | null;
  /** Seconds after a daemon starts; null = one runs, or it is unknown. */
  readonly goesAfter: number | null;
  /** The next step if nothing else happens; null = it is sent. */
  readonly next: NextStep | null;
  /** Meaning and remedy of its reason, or of the stop. */
  readonly words: Explanation | null;
}

const NOTHING = {
  ...{ ahead: null, rate: null, goesAt: null, window: null, deadline: null },
  ...{ stop: null, goesAfter: null, next: null, words: null },
};

function answerOf(spool: OpenedSpool, stopped: Stopped, row: MessageRow, now: number): WhyAnswer {
  const dueAt = dueOf(spool.db, row.id);
  if (row.state !== 'queued' && row.state !== 'retry') return answerOutside(spool, row, dueAt);
  const deadline = deadlineIn(row, spool.config.messages.validityMs);
  const defaults = defaultsOf(spool.config);
  const account = row.account ?? defaults.account;
  const sender = row.sender ?? defaults.senders.get(account ?? '') ?? '';
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

function stoppedBy(stop: Stop): WhyAnswer {
  const { meaning, remedy } = stop;
  const isTried = stop.state === 'suspended' && stop.until !== null;
  const then = isTried ? ' with one message; if it is accepted, the others follow' : '';
  const waitsFor = `the end of a stop: ${sentenceOf(stop, localTime)}${then}`;
  return { ...NOTHING, waitsFor, stop, words: { meaning, remedy } };
}

/* It was refused, and so were others: whether the message itself is the cause is not known yet. */
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

function answerOutside(spool: OpenedSpool, row: MessageRow, dueAt: number | null): WhyAnswer {
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

function sentence(row: MessageRow, answer: WhyAnswer, now: number): string {
  const reason = row.reason === null ? '' : ` (${row.reason})`;
  const clauses = [`${row.state}${reason} since ${localTime(row.updated_at)}`];
  const { goesAt, goesAfter, deadline, next, words } = answer;
  if (next?.isFinal === true) clauses.push(next.what);
  else clauses.push(`waiting for ${answer.waitsFor}${thenOf(next)}`);
  if (goesAfter !== null) clauses.push(`goes about ${timeSpan(goesAfter)} after a daemon starts`);
  if (goesAt !== null && goesAt > now) clauses.push(`goes at about ${localTime(goesAt)}`);
  if (deadline !== null) {
    const makesIt = goesAt !== null && goesAt < deadline ? 'will make it' : 'will not make it';
    const result = goesAt === null ? '' : `, so it ${makesIt}`;
    clauses.push(`expires ${localTime(deadline)}${result}`);
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
