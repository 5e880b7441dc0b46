/**
 * Loaded into the daemon before itself (`node --import`): kills the process, with SIGKILL, at one point of a
 * message's life that the environment names. The product has no hooks; it is watched from outside, by the SQL
 * it runs, the bytes its sockets write and read, the receipts it is brought, the JSON it parses and the lines
 * it logs.
 *
 * A point whose step is no longer found here is never reached, and its test says so. Nothing but the watched
 * calls is changed, and each does what it did.
 */
import fs from 'node:fs';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import type { Point } from './kill-points.ts';

const variables = process.env;
const wanted = variables['SMS_SPOOLD_KILL_POINT'];
const drainAt = Number(variables['SMS_SPOOLD_KILL_DRAIN_AT'] ?? 0);
let left = Number(variables['SMS_SPOOLD_KILL_COUNT'] ?? 1);
const isOnceSent = variables['SMS_SPOOLD_KILL_ONCE_SENT'] === '1';
let isArmed = drainAt === 0 && !isOnceSent;

/** `messages` more have come to a point. Does not return when the count is full. */
function pass(point: Point, messages = 1): void {
  if (!isArmed || point !== wanted || messages === 0) return;
  left -= messages;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

process.on('exit', () => pass('exit'));
process.on('SIGTERM', () => {
  isArmed = true;
  pass('drain.signal');
});

type Method = (...args: unknown[]) => unknown;

/** Wraps a method; `around` decides when the original runs. */
function wrap(
  owner: object,
  name: string,
  around: (self: unknown, args: readonly unknown[], original: () => unknown) => unknown,
): void {
  const method = Reflect.get(owner, name) as Method;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return around(this, args, () => Reflect.apply(method, this, args));
  };
  Object.defineProperty(owner, name, { value: wrapped, writable: true, configurable: true });
}

/* ---- the spool ---- */

type Step =
  | 'marked'
  | 'attempted'
  | 'messages'
  | 'attempts'
  | 'parts'
  | 'events'
  | 'lapsed'
  | 'kept'
  | 'heard'
  | 'moved';

/* The first that fits. */
const STEPS: readonly (readonly [RegExp, Step])[] = [
  [/^INSERT INTO receipts/, 'kept'],
  [/^UPDATE parts SET receipt_status|^INSERT INTO parts \(receipt_status/, 'heard'],
  [/^UPDATE messages SET state = 'sending'/, 'marked'],
  [/^INSERT OR REPLACE INTO attempts/, 'attempted'],
  [/^UPDATE messages SET state = v\.column3, reason = v\.column4, status/, 'messages'],
  [/^UPDATE attempts SET ended_at/, 'attempts'],
  [/^INSERT INTO parts/, 'parts'],
  [/^UPDATE messages SET state = \?, reason = \?, due_at/, 'lapsed'],
  [/^INSERT INTO events/, 'events'],
];

const POINT_OF: Readonly<Record<Step, Point>> = {
  marked: 'claim.marked',
  attempted: 'claim.attempted',
  messages: 'settle.messages',
  attempts: 'settle.attempts',
  parts: 'settle.parts',
  lapsed: 'lapse.written',
  kept: 'receipt.kept',
  heard: 'receipt.heard',
  moved: 'receipt.moved',
  events: 'settle.events',
};

const nothingDone = (): Record<Step, number> => ({
  marked: 0,
  attempted: 0,
  messages: 0,
  attempts: 0,
  parts: 0,
  lapsed: 0,
  kept: 0,
  heard: 0,
  moved: 0,
  events: 0,
});

/* What lapses and what a receipt moves is written by one statement; a receipt moves one message at a time. */
const MOVED_BY_RECEIPT: readonly unknown[] = ['await-receipt', 'delivered', 'undelivered'];

/** Rows written by the transaction that is open. */
let done = nothingDone();

const statements = Object.getPrototypeOf(new Sqlite(':memory:').prepare('SELECT 1')) as Statement;
wrap(statements, 'run', (self, args, original) => {
  const { source } = self as Statement;
  if (source === 'BEGIN IMMEDIATE') return begin(original);
  if (source === 'COMMIT') return commit(original);
  const result = original();
  const step = stepOf(source, args);
  if (step !== null) write(step, (result as { changes: number }).changes);
  return result;
});

function stepOf(source: string, [toState]: readonly unknown[]): Step | null {
  const step = STEPS.find(([pattern]) => pattern.test(source))?.[1] ?? null;
  return step === 'lapsed' && MOVED_BY_RECEIPT.includes(toState) ? 'moved' : step;
}

function begin(original: () => unknown): unknown {
  pass('begin.before');
  const result = original();
  done = nothingDone();
  pass('begin.after');
  return result;
}

function write(step: Step, rows: number): void {
  done[step] += rows;
  if (step !== 'events' || done.messages > 0) pass(POINT_OF[step], rows);
}

function commit(original: () => unknown): unknown {
  pass('claim.commit.before', done.attempted);
  pass('settle.commit.before', done.messages);
  pass('lapse.commit.before', done.lapsed);
  pass('receipt.commit.before', done.kept);
  const result = original();
  pass('claim.commit.after', done.attempted);
  pass('settle.commit.after', done.messages);
  pass('lapse.commit.after', done.lapsed);
  pass('receipt.commit.after', done.kept);
  /* A read is committed too. */
  done = nothingDone();
  return result;
}

wrap(Sqlite.prototype, 'close', (self, _args, original) => {
  const isSpool = !(self as Database).name.endsWith('.lock');
  if (isSpool) pass('close.before');
  const result = original();
  if (isSpool) pass('close.after');
  return result;
});

/* ---- the gateway ---- */

const gatewaySockets = new WeakSet();
let requests = 0;

/* A request is one write of its own, because a connection carries one at a time. */
function send(socket: net.Socket, bytes: Buffer, original: () => unknown): unknown {
  if (!bytes.toString('latin1', 0, 64).startsWith('POST /sms/json ')) return original();
  gatewaySockets.add(socket);
  pass('request.before');
  if (wanted === 'request.half' && isArmed && left === 1) {
    const half = bytes.subarray(0, bytes.length >> 1);
    Reflect.apply(writeOnce, socket, [half, 'buffer', () => undefined]);
  }
  pass('request.half');
  const result = original();
  isArmed ||= isOnceSent;
  pass('request.after');
  requests += 1;
  if (requests === drainAt) process.kill(process.pid, 'SIGTERM');
  return result;
}

const writeOnce = Reflect.get(net.Socket.prototype, '_write') as Method;

wrap(net.Socket.prototype, '_write', (self, [chunk, encoding], original) =>
  send(self as net.Socket, toBuffer({ chunk, encoding }), original),
);

wrap(net.Socket.prototype, '_writev', (self, [chunks], original) => {
  const bytes = Buffer.concat((chunks as readonly Chunk[]).map(toBuffer));
  return send(self as net.Socket, bytes, original);
});

interface Chunk {
  readonly chunk: unknown;
  readonly encoding: unknown;
}

function toBuffer({ chunk, encoding }: Chunk): Buffer {
  return typeof chunk === 'string'
    ? Buffer.from(chunk, encoding as BufferEncoding)
    : Buffer.from(chunk as Uint8Array);
}

wrap(net.Socket.prototype, 'read', (self, _args, original) => {
  const chunk = original();
  const isAnswer = Buffer.isBuffer(chunk) && chunk.toString('latin1', 0, 5) === 'HTTP/';
  if (isAnswer && gatewaySockets.has(self as object)) pass('answer.read');
  return chunk;
});

wrap(JSON, 'parse', (_self, [text], original) => {
  const parsed = original();
  if (typeof text === 'string' && text.includes('"message-count"')) pass('answer.parsed');
  return parsed;
});

/* ---- receipts ---- */

wrap(http.Server.prototype, 'emit', (_self, [event, request, response], original) => {
  if (event === 'request') {
    (request as http.IncomingMessage).once('end', () => pass('receipt.read'));
    (response as http.ServerResponse).once('finish', () => pass('receipt.answered'));
  }
  return original();
});

/* ---- the status log ---- */

wrap(fs, 'writeSync', (_self, [, data], original) => {
  const result = original();
  pass('log.after', String(data).split('"from":"sending"').length - 1);
  return result;
});
/* The daemon imports the function by its name. */
syncBuiltinESMExports();
