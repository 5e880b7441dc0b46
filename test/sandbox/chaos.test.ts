import { once } from 'node:events';
import { createConnection } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ChaosPlan } from '../../src/sandbox/chaos.ts';
import type { Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import type { Answer } from './support.ts';
import { BASIC, MESSAGE, ask, elements, post, setup, statuses } from './support.ts';

/** The code, or the name, of the error that a request ends with. */
async function errorOf(asking: Promise<Answer>): Promise<string> {
  const error: unknown = await asking.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('the request was answered');
  return 'code' in error ? String(error.code) : error.name;
}

function balance(sandbox: Sandbox): Promise<Answer> {
  return ask(`${sandbox.url}/account/get-balance`, { headers: { authorization: BASIC } });
}

function control(sandbox: Sandbox, changes: unknown): Promise<Answer> {
  return ask(`${sandbox.url}/control`, { method: 'POST', body: JSON.stringify(changes) });
}

/** Bytes that come over a bare connection until it closes, and whether it was reset. */
function rawPost(sandbox: Sandbox): Promise<{ readonly text: string; readonly isReset: boolean }> {
  const body = new URLSearchParams(MESSAGE).toString();
  return new Promise((resolve) => {
    const socket = createConnection(sandbox.port, '127.0.0.1');
    let text = '';
    let isReset = false;
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', (error) => (isReset = 'code' in error && error.code === 'ECONNRESET'));
    socket.on('close', () => resolve({ text, isReset }));
    socket.write(
      `POST /sms/json HTTP/1.1\r\nHost: sandbox\r\nAuthorization: ${BASIC}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

test('a chaotic sandbox answers everything 503, and the account endpoints as well, until told otherwise', async () => {
  const { sandbox } = await setup({ chaos: '503' });
  const answer = await post(sandbox, MESSAGE);
  expect([answer.httpStatus, answer.headers['content-type']]).toEqual([
    503,
    'text/html;charset=utf-8',
  ]);
  expect((await balance(sandbox)).httpStatus).toBe(503);
  await sandbox.configure({ chaos: 'ok' });
  expect(await statuses(sandbox)).toEqual(['0']);
  expect(sandbox.ledger.counters).toMatchObject({ notTaken: 1, accepted: 1, faults: { http: 2 } });
});

test('a chaotic sandbox answers 404 and 401, the latter with the body of the old account endpoints', async () => {
  const { sandbox } = await setup({ chaos: '404' });
  expect((await post(sandbox, MESSAGE)).httpStatus).toBe(404);
  await sandbox.configure({ chaos: { kind: 'http', status: 401 } });
  const answer = await post(sandbox, MESSAGE);
  expect(answer.httpStatus).toBe(401);
  expect(JSON.parse(answer.text)).toEqual({
    'error-code': '401',
    'error-code-label': 'authentication failed',
  });
});

test('resets the connection after the whole request was read', async () => {
  const { sandbox } = await setup({ chaos: 'reset' });
  expect(await rawPost(sandbox)).toEqual({ text: '', isReset: true });
  expect(sandbox.ledger.counters).toMatchObject({ requests: 1, notTaken: 1, accepted: 0 });
});

test('a chaotic sandbox drops the connection before the request is read', async () => {
  const { sandbox } = await setup({ chaos: 'drop' });
  expect((await rawPost(sandbox)).text).toBe('');
  expect(sandbox.ledger.counters).toMatchObject({ requests: 0, faults: { drop: 1 } });
});

test('hangs until the client gives up, and can still be closed', async () => {
  const { sandbox } = await setup({ chaos: 'hang' });
  expect(await errorOf(post(sandbox, MESSAGE, undefined, 100))).toBe('UND_ERR_HEADERS_TIMEOUT');
  const hanging = errorOf(post(sandbox, MESSAGE));
  await expect.poll(() => sandbox.ledger.counters.requests).toBe(2);
  await sandbox.close();
  expect(await hanging).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
});

test('a chaotic sandbox cuts the body in the middle', async () => {
  const { sandbox } = await setup({ chaos: { kind: 'cut', accept: true } });
  const { text } = await rawPost(sandbox);
  const announced = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  const body = text.split('\r\n\r\n')[1] ?? '';
  expect(body).toMatch(/^\{"message-count":"1"/);
  expect(body.length).toBe(Math.floor(announced / 2));
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 1, acceptedUnanswered: 1 });
});

test('a chaotic sandbox stalls in the middle of the body', async () => {
  const { sandbox } = await setup({ chaos: 'stall' });
  const stalled = post(sandbox, MESSAGE, undefined, 1100);
  expect(await errorOf(stalled)).toBe('UND_ERR_BODY_TIMEOUT');
});

test('a chaotic sandbox answers 200 with HTML, with nothing, with no messages, and with a megabyte', async () => {
  const { sandbox } = await setup();
  const bodyUnder = async (kind: string): Promise<string> => {
    await sandbox.configure({ chaos: { kind: kind as 'blank', accept: true } });
    const answer = await post(sandbox, MESSAGE);
    expect(answer.httpStatus).toBe(200);
    return answer.text;
  };
  expect(await bodyUnder('garbage')).toMatch(/^<html>/);
  expect(await bodyUnder('blank')).toBe('');
  expect(JSON.parse(await bodyUnder('empty'))).toEqual({ 'message-count': '0', messages: [] });
  const huge = await bodyUnder('huge');
  expect(huge.length).toBeGreaterThan(1_048_576);
  expect(JSON.parse(huge)).toMatchObject({ messages: [{ status: '0' }] });
});

test('redirects to a place where nothing is', async () => {
  const { sandbox } = await setup({ chaos: 'redirect' });
  const answer = await post(sandbox, MESSAGE);
  expect([answer.httpStatus, answer.headers['location']]).toEqual([302, '/elsewhere']);
});

test('a chaotic sandbox knows nobody any more: status 4 for messages, 401 for the balance', async () => {
  const { sandbox } = await setup({ chaos: 'wrong-credentials' });
  expect(await statuses(sandbox)).toEqual(['4']);
  expect((await balance(sandbox)).httpStatus).toBe(401);
});

test('a chaotic sandbox answers every message with one code', async () => {
  const { sandbox } = await setup({ chaos: { kind: 'code', code: 8 } });
  expect(await elements(sandbox)).toMatchObject([
    { status: '8', 'error-text': 'Partner account barred' },
  ]);
});

test('a chaotic sandbox accepts and then resets when asked to accept', async () => {
  const { sandbox } = await setup({ chaos: { kind: 'reset', accept: true } });
  expect(await rawPost(sandbox)).toEqual({ text: '', isReset: true });
  expect(sandbox.ledger.entries()).toMatchObject([{ to: MESSAGE.to, isAnswered: false }]);
});

test('hits the share of requests that was asked for', async () => {
  const draws = [0.1, 0.25, 0.24, 0.9];
  const random = (): number => draws.shift() ?? 0;
  const { sandbox } = await setup({ random, chaos: { kind: 'http', probability: 0.25 } });
  const seen: number[] = [];
  for (let index = 0; index < 4; index += 1) seen.push((await post(sandbox, MESSAGE)).httpStatus);
  expect(seen).toEqual([503, 200, 503, 200]);
});

test('a chaotic sandbox refuses connections, and listens on the same port again', async () => {
  const { sandbox } = await setup();
  const { port } = sandbox;
  await sandbox.configure({ chaos: 'refuse' });
  expect(await errorOf(post(sandbox, MESSAGE))).toBe('ECONNREFUSED');
  await sandbox.configure({ chaos: 'ok' });
  expect(sandbox.port).toBe(port);
  expect(await statuses(sandbox)).toEqual(['0']);
});

test('plays the steps of a plan one after the other, and then all is well', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const begun: string[] = [];
  const plan = new ChaosPlan(Math.random, ({ kind }) => {
    begun.push(kind);
    return Promise.resolve();
  });
  await plan.play([
    { kind: 'http', forMs: 120_000 },
    { kind: 'refuse', forMs: 60_000 },
  ]);
  await vi.advanceTimersByTimeAsync(119_999);
  expect(plan.pick()).toMatchObject({ kind: 'http' });
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual(['http', 'refuse']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toEqual(['http', 'refuse', 'ok']);
  expect(plan.pick()).toBeNull();
});

test('a new plan takes the place of the old one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const plan = new ChaosPlan(Math.random, () => Promise.resolve());
  await plan.play([{ kind: 'http', forMs: 1000 }, { kind: 'drop' }]);
  await plan.play([{ kind: 'hang' }]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(plan.pick()).toEqual({ kind: 'hang' });
});

test('told over HTTP to refuse for a while, it answers, cuts what is open, and comes back', async () => {
  const { sandbox } = await setup();
  const idle = createConnection(sandbox.port, '127.0.0.1');
  await once(idle, 'connect');
  const isCut = once(idle, 'close');
  const answer = await control(sandbox, { chaos: { kind: 'refuse', forMs: 50 } });
  expect(answer.httpStatus).toBe(200);
  await isCut;
  await expect.poll(() => balance(sandbox).catch(() => null)).toMatchObject({ httpStatus: 200 });
});

test('a chaotic sandbox is switched by another process, shows what is in force, and never shows a secret', async () => {
  const { sandbox } = await setup();
  const changes = {
    chaos: '429',
    senders: { Shop: { rate: 2 } },
    accounts: { other: { rate: 7 } },
  };
  const answer = await control(sandbox, changes);
  const shown = await ask(`${sandbox.url}/control`);
  expect(shown.text).toBe(answer.text);
  expect(JSON.parse(shown.text)).toMatchObject({
    senders: { Shop: { rate: 2 } },
    accounts: { other: { rate: 7, balance: 100 } },
    chaos: [{ kind: 'http', status: 429 }],
  });
  expect(shown.text).not.toContain('secret');
  expect((await post(sandbox, MESSAGE)).headers['retry-after']).toBe('1');
});

test.each([
  [{ chaos: 'explode' }, /^chaos\.kind: expected one of ok, .*, found "explode"$/],
  [{ chaos: ['ok', { kind: 'http', status: 99 }] }, /^chaos\[1\]\.status: expected a whole number/],
  [{ chaos: 'refuse' }, /^chaos: expected forMs with refuse/],
  [
    { accounts: { a: { rate: 0.5 } } },
    /^accounts\.a\.rate: expected a whole number from 1, or null/,
  ],
  [{ accounts: { a: { secret: 5 } } }, /^accounts\.a\.secret: expected .*, found "number"$/],
  [{ senders: { a: {} } }, /^senders\.a\.rate: expected a number above 0, found nothing$/],
  [{ latency: 5 }, /^latency: unknown; known are accounts, senders, latencyMs/],
  [[], /^sandbox options: expected an object/],
])(
  'a chaotic sandbox refuses %j over HTTP, says why, and changes nothing',
  async (changes, complaint) => {
    const { sandbox } = await setup();
    const answer = await control(sandbox, changes);
    expect(answer.httpStatus).toBe(400);
    expect((JSON.parse(answer.text) as { error: string }).error).toMatch(complaint);
    expect(await statuses(sandbox)).toEqual(['0']);
  },
);
