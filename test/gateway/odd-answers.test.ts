/** Answers that a proxy has changed on their way: real HTTP, by a server that the test writes byte by byte. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Observation } from '../../src/core/answer/observation.ts';
import { fetchBalance } from '../../src/gateway/account-api.ts';
import { LoopWatch } from '../../src/gateway/loop-watch.ts';
import { withoutContinue } from '../../src/gateway/skip-continue.ts';
import { VonageGateway } from '../../src/gateway/vonage.ts';
import { claimOf, NOW } from '../support/verdicts.ts';

const JSON_TEXT = '{"message-count":"1","messages":[{"status":"0","message-id":"id-1"}]}';
const ACCEPTED = { kind: 'answered', parts: [{ status: 0, gatewayId: 'id-1' }] };
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

function answerOf(body: Buffer, headers: readonly string[] = []): Buffer {
  const head = ['HTTP/1.1 200 OK', `content-length: ${body.length}`, ...headers].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
}

/** A server that answers each request with these chunks; each is written by itself. */
async function serve(chunks: readonly (Buffer | string)[]): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const [head = '', body] = received.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      received = '';
      const write = async (): Promise<void> => {
        for (const each of chunks) {
          socket.write(each);
          await pause(5);
        }
      };
      write().catch(() => socket.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function gatewayTo(baseUrl: string): VonageGateway {
  const gateway = new VonageGateway({
    ...{ baseUrl, apiKey: 'abcd1234', apiSecret: 'secret', signature: null },
    ...{ concurrency: 1, timeoutMs: 5_000, now: () => NOW, watch: new LoopWatch() },
  });
  onTestFinished(() => gateway.close());
  return gateway;
}

const send = (gateway: VonageGateway, id: number): Promise<Observation> =>
  new Promise((resolve) => gateway.send(claimOf({ id }), 86_400_000, resolve));

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('an answer is read as what it is', () => {
  it.each<[string, Buffer, string[]]>([
    ['behind a byte order mark', utf8(`\uFEFF${JSON_TEXT}`), []],
    ['behind two of them', utf8(`\uFEFF\uFEFF${JSON_TEXT}`), []],
    ['between white space and NULs', utf8(`\u00A0\v\r\n${JSON_TEXT}\0\n`), []],
    ['as UTF-16 with a mark', Buffer.from(`\uFEFF${JSON_TEXT}`, 'utf16le'), []],
    ['as UTF-16 without one', Buffer.from(JSON_TEXT, 'utf16le'), []],
    ['as big-endian UTF-16', utf16be(`\uFEFF${JSON_TEXT}`), []],
    ['as big-endian UTF-16 without a mark', utf16be(JSON_TEXT), []],
    ['packed by a proxy', gzipSync(JSON_TEXT), ['content-encoding: gzip']],
    [
      'as text of another charset',
      utf8(JSON_TEXT),
      ['content-type: text/html; charset="ISO-8859-1"'],
    ],
  ])('%s', async (_what, body, headers) => {
    const gateway = gatewayTo(await serve([answerOf(body, headers)]));
    expect(await send(gateway, 1)).toMatchObject(ACCEPTED);
  });

  it.each([
    ['behind 100 Continue', [CONTINUE, answerOf(utf8(JSON_TEXT))]],
    [
      'behind 100 Continue in one piece with it',
      [Buffer.concat([utf8(CONTINUE), answerOf(utf8(JSON_TEXT))])],
    ],
    ['behind two of them', [CONTINUE, CONTINUE, answerOf(utf8(JSON_TEXT))]],
    [
      'behind one with fields',
      ['HTTP/1.1 100 Continue\r\nVia: 1.1 proxy\r\n\r\n', answerOf(utf8(JSON_TEXT))],
    ],
    ['behind one without a phrase', ['HTTP/1.0 100 \r\n\r\n', answerOf(utf8(JSON_TEXT))]],
    [
      'behind one that comes in pieces',
      ['HT', 'TP/1.1 1', '00 Continue\r', '\n\r\n', answerOf(utf8(JSON_TEXT))],
    ],
    [
      'behind Early Hints',
      ['HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', answerOf(utf8(JSON_TEXT))],
    ],
  ])('%s, twice on one connection', async (_what, chunks) => {
    const gateway = gatewayTo(await serve(chunks));
    expect(await send(gateway, 1)).toMatchObject(ACCEPTED);
    expect(await send(gateway, 2)).toMatchObject(ACCEPTED);
  });

  it('an answer is read as what it is also where the account is asked for its balance', async () => {
    const body = utf8('\uFEFF{"value": 3.5}\0');
    const baseUrl = await serve([CONTINUE, answerOf(body)]);
    const target = { baseUrl, apiKey: 'abcd1234', apiSecret: 'secret', timeoutMs: 5_000 };
    expect(await fetchBalance(target)).toMatchObject({ ok: true, balance: 3.5 });
  });

  it('an answer is read as what it is and a body that only looks like 100 Continue passes unchanged', () => {
    for (const text of [
      '',
      'H',
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 101 Switching\r\n\r\n',
      '{"a":1}',
    ]) {
      const { rest, isWhole } = withoutContinue(utf8(text));
      expect([rest.toString(), isWhole]).toEqual([text, text !== 'H']);
    }
  });
});

describe('an answer that cannot be read', () => {
  it.each([
    ['<html>\u001b[31m"no"</html>', 'the answer begins with "<html>\\u001b[31m\\"no\\"</html>"'],
    [
      '{"message-count":"1","to":"447700900101","messages"',
      'the answer begins with "{\\"message-count\\":\\"1\\",\\"to\\":\\"447…\\""',
    ],
    ['', 'the answer is empty'],
  ])('an answer that cannot be read shows how it begins: %j', async (body, errorText) => {
    const gateway = gatewayTo(await serve([answerOf(utf8(body))]));
    expect(await send(gateway, 1)).toMatchObject({ kind: 'http', httpStatus: 200, errorText });
  });
});
