/**
 * Connects as undici does, and leaves out `100 Continue` before an answer. A proxy may send it unasked (RFC 9110
 * §15.2.1 lets it), and undici ends the connection then, although the answer follows.
 *
 * Always holds: only what stands before the first byte of an answer is left out; all else passes unchanged.
 */
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';

const CONTINUE = /^HTTP\/1\.[01] 100(?: [^\r\n]*)?\r?\n/;
const START = 'HTTP/1.1 100';
/* Where the first digit of the status stands: nearly every answer is told by it. */
const DIGIT_AT = 'HTTP/1.1 '.length;
const ONE = 0x31;
const END = /\r?\n\r?\n/;
/** The longest head of such an answer that is waited for (bytes). */
const HEAD_MAX = 4_096;

/** A connector for a Pool; connecting may take `timeout` ms. */
export function connectorOf(timeout: number): buildConnector.connector {
  const connect = buildConnector({ timeout });
  return (options, callback) => {
    connect(options, (...result) => {
      const [, socket] = result;
      /* There is no socket when connecting failed, although the types say so. */
      const isH2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
      if (socket instanceof Duplex && !isH2) skipContinue(socket);
      callback(...result);
    });
  };
}

/* undici reads a socket with read() and writes requests with write(). */
function skipContinue(socket: Duplex): void {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isBefore = true;
  let held: Buffer | null = null;
  socket.write = (...args: unknown[]): boolean => {
    isBefore = true;
    return write(...args);
  };
  socket.read = (size?: number): Buffer | null => {
    const chunk = read(size);
    if (!isBefore || chunk === null) return chunk;
    const { rest, isWhole } = withoutContinue(held === null ? chunk : Buffer.concat([held, chunk]));
    held = isWhole ? null : rest;
    if (!isWhole) return null;
    isBefore = rest.length === 0;
    return rest.length === 0 ? null : rest;
  };
}

/** `isWhole` false = more must come before it can be told what this is. */
export function withoutContinue(bytes: Buffer): {
  readonly rest: Buffer;
  readonly isWhole: boolean;
} {
  let rest = bytes;
  for (;;) {
    if (rest.length > DIGIT_AT && rest[DIGIT_AT] !== ONE) return { rest, isWhole: true };
    const head = rest.subarray(0, HEAD_MAX).toString('latin1');
    const isContinue = CONTINUE.test(head);
    const end = isContinue ? END.exec(head) : null;
    if (end !== null) {
      rest = rest.subarray(end.index + end[0].length);
      continue;
    }
    const mayBecome = rest.length > 0 && rest.length < HEAD_MAX && (isContinue || isStart(head));
    return { rest, isWhole: !mayBecome };
  }
}

/* The first bytes of what may become `HTTP/1.x 100 …` and a line's end. */
function isStart(head: string): boolean {
  const known = head.slice(0, START.length).replace('HTTP/1.0', 'HTTP/1.1');
  return START.startsWith(known) && !head.includes('\n');
}
