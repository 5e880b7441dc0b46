/**
 * Explains each reason of a stop: its meaning and its remedy, one sentence each, the remedy with a full command. Reasons
 * that are codes of the gateway have both from the table of codes.
 */
import type { MessageReason } from '../codes/reasons.ts';
import { RELOAD, takeUpCommand, type SecretOrigin } from '../text/secret-origin.ts';
import { remedyOf, STATUS_CODES } from '../codes/status-codes.ts';
import { quoted } from '../text/escape.ts';

/** What remedies about the spool as a whole name. */
export interface StopPlace {
  readonly start: string;
  readonly spool: string;
  /** Where the secret of an account comes from; null = not known. */
  readonly secretOf: (account: string) => SecretOrigin | null;
}

/** A place of which only the path of the spool is known. */
export function placeOf(spool: string): StopPlace {
  return { start: '', spool, secretOf: () => null };
}

/** What is stopped, as far as its words depend on it. */
interface StopSubject {
  readonly account: string | null;
  readonly sender: string | null;
  readonly state: string;
  readonly reason: string;
}

interface StopWords<T> {
  readonly meaning: string;
  readonly remedy: (subject: T) => string;
}

const DECIDE =
  'hold it as uncertain: sms-spoold resume --restored=hold; or send it, perhaps twice: ' +
  'sms-spoold resume --restored=resend';
const NO_DAEMON: StopWords<StopPlace> = {
  meaning: 'Nothing is sent and no receipt is taken until a daemon runs.',
  remedy: ({ start }) => start,
};

/* About everything. */
const OF_SPOOL: Readonly<Record<string, StopWords<StopPlace>>> = {
  'no-daemon': NO_DAEMON,
  'never-ran': NO_DAEMON,
  restored: {
    meaning: 'What waited when the backup was made may have been sent since, so nothing is sent.',
    remedy: () => DECIDE,
  },
  'rolled-back': {
    meaning: 'What waited in this older state may have been sent since, so nothing is sent.',
    remedy: () => DECIDE,
  },
  'disk-full': {
    meaning: 'The disk of the spool is full. Nothing is sent, nothing is lost.',
    remedy: ({ spool }) =>
      `make room there, or raise the quota of the daemon's user: df -h ${quoted(spool)}`,
  },
  locked: {
    meaning: 'Another program holds a write lock on the spool, so nothing is sent.',
    remedy: ({ spool }) => `find it and end its transaction: ${holdersCommand(spool)}`,
  },
  'no-folder': {
    meaning: 'The folder of the spool is not there. The start waits for it.',
    remedy: ({ spool }) => `make it or mount it; see what is missing: namei -l ${quoted(spool)}`,
  },
  'io-error': {
    meaning: 'Writing to the disk of the spool fails, so the daemon ends and is started again.',
    remedy: ({ spool }) => `look at the messages of the kernel (dmesg) and at the disk of ${spool}`,
  },
  'wal-held': {
    meaning:
      'A program reads from the spool and never stops, so its -wal grows. Messages are sent.',
    remedy: ({ spool }) =>
      `find it, and let it end its transaction or its query: ${holdersCommand(spool)}`,
  },
  'log-unwritten': {
    meaning: 'The status log cannot be written; its lines wait in memory. Messages are sent.',
    remedy: () => 'make room on the disk of log.file: df -h; and let its reader read on',
  },
};

/** Why an account is stopped that rows name and the configuration does not. */
export const UNKNOWN_ACCOUNT = 'unknown-account';

/* About an account or a sender, or the pause of everything. */
const OF_ACCOUNT = {
  [UNKNOWN_ACCOUNT]: {
    meaning: 'Rows wait that name an account which is not configured.',
    remedy: ({ account }) =>
      `add [accounts.${account ?? ''}] to the configuration, then: ${RELOAD}`,
  },
  'no-default-account': {
    meaning: 'Rows wait that name no account, and no account is the default.',
    remedy: () => `set default = true in one [accounts.NAME] of the configuration, then: ${RELOAD}`,
  },
  operator: {
    meaning: 'An operator paused it. Its messages wait, and may expire.',
    remedy: resumeOf,
  },
  throttled: {
    meaning: 'The gateway asked for a pause.',
    remedy: () => 'nothing: it goes on by itself; if it lasts, lower rate in the configuration',
  },
  'gateway-down': {
    meaning: 'Requests are not answered. The gateway is tried again by itself.',
    remedy: () => 'if it lasts, see whether this machine reaches it: sms-spoold check',
  },
  'answer-unreadable': {
    meaning:
      'Answers come and cannot be read. Their messages may have been accepted, so nothing is sent.',
    remedy: (subject) =>
      `see what stands between the daemon and base_url (a proxy, a filter), then: ${resumeOf(subject)}`,
  },
  'spend-limit': {
    meaning: 'The account has spent what safety.spend_per_day allows a day.',
    remedy: () => `wait for midnight, or raise safety.spend_per_day, then: ${RELOAD}`,
  },
  'low-balance': {
    meaning: 'The balance of the account is below safety.min_balance.',
    remedy: (subject) => `top up the account, then: ${resumeOf(subject)}`,
  },
} as const satisfies Readonly<Record<string, StopWords<StopSubject>>>;

/** Why an account or a sender is stopped, as in `accounts.reason`. */
export type LaneReason = keyof typeof OF_ACCOUNT | MessageReason | 'unknown';

/* The secret is wrong, or the daemon has not read a changed one. */
const OF_SECRET: ReadonlySet<string> = new Set(['invalid-credentials', 'http-401']);

export function meaningOfReason(reason: string): string {
  const code = STATUS_CODES.find(({ name }) => name === reason);
  const own = wordsIn(OF_SPOOL, reason) ?? wordsIn(OF_ACCOUNT, reason);
  return own?.meaning ?? code?.meaning ?? 'The gateway refuses every message.';
}

/** What to do about the spool as a whole; `spool` is its path. */
export function remedyOfSpool(reason: string, spool: string): string {
  return wordsIn(OF_SPOOL, reason)?.remedy(placeOf(spool)) ?? '';
}

/** The command that names the programs which have the spool at `path` open. */
function holdersCommand(path: string): string {
  return `sudo fuser -v ${['', '-wal', '-shm'].map((end) => quoted(path + end)).join(' ')}`;
}

/** What to do about an account or a sender that is stopped, as in the status log. */
export function remedyOfAccount(subject: StopSubject): string {
  const own = wordsIn(OF_ACCOUNT, subject.reason);
  if (own !== null) return own.remedy(subject);
  const remedy = remedyOf(subject.reason) ?? 'See what the gateway answers: sms-spoold check.';
  return `${remedy} Messages are tried again one at a time; to try at once: ${resumeOf(subject)}`;
}

/** What to do about anything that is stopped. */
export function remedyOfReason(subject: StopSubject, place: StopPlace): string {
  const own = wordsIn(OF_SPOOL, subject.reason);
  if (own !== null) return own.remedy(place);
  const { account, reason } = subject;
  if (account === null || !OF_SECRET.has(reason)) return remedyOfAccount(subject);
  const command = takeUpCommand(place.secretOf(account));
  return `correct api_key and api_secret of account ${account}, then: ${command}`;
}

function wordsIn<T>(
  table: Readonly<Record<string, StopWords<T>>>,
  reason: string,
): StopWords<T> | null {
  return Object.hasOwn(table, reason) ? (table[reason] ?? null) : null;
}

function resumeOf({ account, sender }: StopSubject): string {
  if (account === '*') return 'sms-spoold resume --all';
  const name = quoted(account ?? '');
  return `sms-spoold resume ${name}${sender === null ? '' : ` --sender ${quoted(sender)}`}`;
}
