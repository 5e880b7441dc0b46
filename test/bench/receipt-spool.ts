/**
 * The spool that receipts are about: messages that were accepted, others that wait behind them, and the receipts
 * for the first, as the gateway writes them. And afterwards, which of them it holds.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { startDaemon, verifyDrained, waitUntilSettled } from './daemon.ts';
import { dropRows, SENDER } from './rows.ts';

/* Far above what any machine reaches. */
const NO_LIMIT = 1_000_000;
/** A part's last word comes so many messages after its first. */
const BETWEEN_WORDS = 500;
/** One message in so many is not delivered. */
const FAILED_EVERY = 20;

export interface Setting {
  readonly folder: string;
  /** The gateway's. */
  readonly url: string;
  readonly receipts: number;
  /** Messages that wait. */
  readonly backlog: number;
}

/** What a receipt says. */
interface Word {
  readonly messageId: number;
  readonly gatewayId: string;
  readonly status: 'accepted' | 'delivered' | 'failed';
}

export interface Prepared {
  /** A closed spool. */
  readonly spool: string;
  /** A file with the form body of one receipt in each line. */
  readonly bodies: string;
  /** What the same lines say. */
  readonly words: readonly Word[];
}

interface Accepted {
  readonly messageId: number;
  readonly recipient: string;
  readonly clientRef: string;
  readonly gatewayId: string;
  readonly price: number;
  readonly network: string;
}

/** Has the daemon send one message for every two receipts, at full speed, and lets it leave. */
export async function prepare(setting: Setting): Promise<Prepared> {
  const { folder, url, receipts, backlog } = setting;
  const messages = Math.ceil(receipts / 2);
  const daemon = await startDaemon({
    ...{ folder, url, concurrency: 64, rate: NO_LIMIT },
    backlog: messages,
  });
  await waitUntilSettled(daemon, messages);
  await daemon.child.stop();
  verifyDrained(daemon.db, messages);
  const told = inOrder(readAccepted(daemon.db));
  daemon.db.exec(dropRows(backlog));
  daemon.db.pragma('wal_checkpoint(TRUNCATE)');
  await daemon.stop();
  const bodies = join(folder, 'receipts');
  writeFileSync(bodies, told.map(([accepted, word]) => formOf(accepted, word)).join('\n'));
  return { spool: daemon.db.name, bodies, words: told.map(([, word]) => word) };
}

function readAccepted(db: Database): readonly Accepted[] {
  return db
    .prepare<[], Accepted>(
      `SELECT messages.id AS messageId, recipient, client_ref AS clientRef, gateway_id AS gatewayId,
          parts.price, network
        FROM messages JOIN attempts ON attempts.message_id = messages.id
        JOIN parts ON parts.message_id = messages.id AND parts.attempt = attempts.number
        ORDER BY messages.id`,
    )
    .all();
}

/** Each message is first `accepted` by its carrier and later `delivered`, some `failed`: all in order of time. */
function inOrder(accepted: readonly Accepted[]): readonly (readonly [Accepted, Word])[] {
  const timed = accepted.flatMap((one, index) => {
    const { messageId, gatewayId } = one;
    const last = index % FAILED_EVERY === 0 ? 'failed' : 'delivered';
    return (['accepted', last] as const).map((status, nth) => ({
      at: index + nth * (BETWEEN_WORDS + 0.5),
      told: [one, { messageId, gatewayId, status }] as const,
    }));
  });
  return timed.sort((a, b) => a.at - b.at).map(({ told }) => told);
}

function formOf(accepted: Accepted, { status }: Word): string {
  const iso = new Date().toISOString();
  return new URLSearchParams({
    msisdn: accepted.recipient,
    to: SENDER,
    'network-code': accepted.network,
    messageId: accepted.gatewayId,
    price: accepted.price.toFixed(8),
    status,
    scts: iso.slice(2, 16).replace(/\D/g, ''),
    'err-code': status === 'failed' ? '1' : '0',
    'api-key': 'abcd1234',
    'client-ref': accepted.clientRef,
    'message-timestamp': iso.slice(0, 19).replace('T', ' '),
  }).toString();
}

export interface Kept {
  readonly acknowledged: number;
  /** In `receipts`, with the message they are about. */
  readonly found: number;
  /** Last words that are found, and whose message is in another state than they say. */
  readonly unheeded: number;
}

const STATE_AFTER = { delivered: 'delivered', failed: 'undelivered', accepted: null } as const;

/** Looks up each word in the spool at `path`, which nobody has open. */
export function lookUp(path: string, words: readonly Word[]): Kept {
  const db = openSpool(path);
  const state = db
    .prepare<[number, string, string], string>(
      `SELECT state FROM receipts JOIN messages ON messages.id = message_id
        WHERE message_id = ? AND gateway_id = ? AND receipts.status = ?`,
    )
    .pluck();
  let found = 0;
  let unheeded = 0;
  for (const { messageId, gatewayId, status } of words) {
    const now = state.get(messageId, gatewayId, status);
    const expected = STATE_AFTER[status];
    if (now !== undefined) found += 1;
    if (now !== undefined && expected !== null && now !== expected) unheeded += 1;
  }
  db.close();
  return { acknowledged: words.length, found, unheeded };
}
