import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { LedgerEntry } from '../../src/sandbox/sandbox-ledger.ts';
import { SandboxLedger } from '../../src/sandbox/sandbox-ledger.ts';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { BASIC, KEY, MESSAGE, SECRET, START, ask, post, setup, statuses } from './support.ts';

const authorization = { authorization: BASIC };

test('the sandbox tells the balance to Basic auth and to key and secret in the query, else 401', async () => {
  const { sandbox } = await setup({ accounts: { [KEY]: { balance: 1.5, autoReload: true } } });
  await statuses(sandbox);
  const url = `${sandbox.url}/account/get-balance`;
  const expected = { value: 1.45, autoReload: true };
  expect(JSON.parse((await ask(url, { headers: authorization })).text)).toEqual(expected);
  const byQuery = await ask(`${url}?api_key=${KEY}&api_secret=${SECRET}`);
  expect(JSON.parse(byQuery.text)).toEqual(expected);
  const refused = await ask(`${url}?api_key=${KEY}&api_secret=wrong`);
  expect(refused.httpStatus).toBe(401);
  expect(JSON.parse(refused.text)).toEqual({
    'error-code': '401',
    'error-code-label': 'authentication failed',
  });
  expect(sandbox.ledger.counters.balanceRequests).toBe(3);
});

test('the sandbox tells the limit to a settings request without fields, and counts URLs that one clears', async () => {
  const { sandbox } = await setup({ accounts: { [KEY]: { rate: 42 } } });
  const settings = async (body: string): Promise<unknown> => {
    const headers = { ...authorization, 'content-type': 'application/x-www-form-urlencoded' };
    const url = `${sandbox.url}/account/settings`;
    return JSON.parse((await ask(url, { method: 'POST', headers, body })).text) as unknown;
  };
  const url = 'https://example.com/receipts';
  expect(await settings('')).toMatchObject({ 'max-outbound-request': 42, 'dr-callback-url': '' });
  expect(await settings(`drCallBackUrl=${url}`)).toMatchObject({ 'dr-callback-url': url });
  expect(await settings('')).toMatchObject({ 'dr-callback-url': url });
  expect(sandbox.ledger.counters).toMatchObject({ urlsSet: 1, urlsCleared: 0 });
  expect(await settings('drCallBackUrl=')).toMatchObject({ 'dr-callback-url': '' });
  expect(sandbox.ledger.counters).toMatchObject({ settingsRequests: 4, urlsCleared: 1 });
});

test('the sandbox answers 404 to every other address', async () => {
  const { sandbox } = await setup();
  expect((await ask(`${sandbox.url}/sms/jsonn`, { method: 'POST', body: 'a=1' })).httpStatus).toBe(
    404,
  );
});

test('the ledger tells how often each client-ref and each recipient and text were accepted', async () => {
  const { sandbox, clock } = await setup();
  clock.ms += 1234;
  for (const ref of ['a-1', 'a-2', 'a-2']) await post(sandbox, { ...MESSAGE, 'client-ref': ref });
  const answer = await ask(`${sandbox.url}/ledger`);
  const { counters, series, entries } = JSON.parse(answer.text) as {
    counters: unknown;
    series: unknown;
    entries: LedgerEntry[];
  };
  expect(counters).toMatchObject({ requests: 3, accepted: 3, acceptedParts: 3, open: 0 });
  expect(series).toEqual([{ at: START / 1000 + 1, accepted: 3, throttled: 0, refused: 0 }]);
  expect(Object.groupBy(entries, ({ clientRef }) => clientRef ?? '')['a-2']).toHaveLength(2);
  expect(entries[0]).toEqual({
    seq: 1,
    at: START / 1000 + 1.234,
    account: KEY,
    clientRef: 'a-1',
    to: MESSAGE.to,
    from: MESSAGE.from,
    type: 'text',
    ttlMs: null,
    textHash: createHash('sha256').update(MESSAGE.text).digest('hex').slice(0, 16),
    parts: 1,
    partsRefused: 0,
    messageIds: [expect.any(String)],
    isAnswered: true,
    accountRef: null,
    price: '0.05000000',
    words: ['delivered'],
    code: 0,
    dueMs: [[100]],
  });
  expect(answer.text).not.toContain(MESSAGE.text);
});

test('the ledger comes as lines, from where the reader left off, or without entries', async () => {
  const { sandbox } = await setup();
  for (let index = 0; index < 3; index += 1) await statuses(sandbox);
  const lines = (await ask(`${sandbox.url}/ledger?format=ndjson&since=1`)).text;
  expect(lines.endsWith('\n')).toBe(true);
  const seqs = lines
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as LedgerEntry).seq);
  expect(seqs).toEqual([2, 3]);
  expect((await ask(`${sandbox.url}/ledger?format=ndjson&since=3`)).text).toBe('');
  const summary = JSON.parse((await ask(`${sandbox.url}/ledger?entries=no`)).text) as unknown;
  expect(summary).toMatchObject({ counters: { accepted: 3 }, entries: [] });
});

test('a thousand entries and more come whole', async () => {
  const { sandbox } = await setup();
  for (let index = 0; index < 1203; index += 1) sandbox.ledger.accept(entry(`ref-${index}`));
  const { entries } = JSON.parse((await ask(`${sandbox.url}/ledger`)).text) as {
    entries: LedgerEntry[];
  };
  expect(entries.map(({ clientRef }) => clientRef)).toEqual(
    Array.from({ length: 1203 }, (_, index) => `ref-${index}`),
  );
});

test('DELETE empties the ledger and lets recipients with a count start again', async () => {
  const { sandbox } = await setup();
  const to = '999100510001';
  expect([await statuses(sandbox, { to }), await statuses(sandbox, { to })]).toEqual([
    ['5'],
    ['0'],
  ]);
  expect((await ask(`${sandbox.url}/ledger`, { method: 'DELETE' })).httpStatus).toBe(200);
  expect(sandbox.ledger.counters).toMatchObject({ requests: 0, accepted: 0, refused: {} });
  expect(sandbox.ledger.entries()).toEqual([]);
  expect(await statuses(sandbox, { to })).toEqual(['5']);
});

function entry(clientRef: string, messageIds: readonly string[] = ['id']) {
  return {
    account: KEY,
    clientRef,
    to: MESSAGE.to,
    from: MESSAGE.from,
    type: 'text',
    ttlMs: null,
    textHash: 'ab',
    parts: messageIds.length,
    partsRefused: 0,
    messageIds,
    isAnswered: true,
    accountRef: null,
    price: '0.05000000',
    words: ['delivered'],
    code: 0,
    dueMs: [[100]],
  };
}

test('the ledger forgets the oldest entries and no counter', () => {
  const ledger = new SandboxLedger(3, () => START);
  for (let index = 1; index <= 7; index += 1) ledger.accept(entry(`ref-${index}`));
  expect(ledger.entries().map(({ seq }) => seq)).toEqual([5, 6, 7]);
  expect(ledger.entries(6).map(({ clientRef }) => clientRef)).toEqual(['ref-7']);
  expect(ledger.counters.accepted).toBe(7);
});

test('the ledger remembers fewer entries when each is large', () => {
  const ledger = new SandboxLedger(10, () => START);
  const ids = Array.from({ length: 48 }, (_, index) => `${index}`.padStart(36, '0'));
  for (let index = 0; index < 10; index += 1) ledger.accept(entry('ref', ids));
  expect(ledger.entries().map(({ seq }) => seq)).toEqual([10]);
  ledger.accept(entry('small'));
  expect(ledger.entries().map(({ seq }) => seq)).toEqual([10, 11]);
});

test('an entry of a usual message takes no more than its share of the memory', async () => {
  const { sandbox } = await setup({ ledgerSize: 1_000 });
  const usual = { 'client-ref': 'x'.repeat(40), ttl: '86400000', text: 'a'.repeat(160) };
  await statuses(sandbox, usual);
  const [line = ''] = sandbox.ledger.lines();
  expect(line.length).toBeLessThanOrEqual(400);
});

test('the ledger finds an entry by its number, and none that it has forgotten', () => {
  const ledger = new SandboxLedger(2, () => START);
  for (let index = 1; index <= 3; index += 1) ledger.accept(entry(`ref-${index}`));
  const found = [0, 1, 2, 3, 4, NaN].map((seq) => ledger.entry(seq)?.clientRef ?? null);
  expect(found).toEqual([null, null, 'ref-2', 'ref-3', null, null]);
});

test('the series covers ten minutes', () => {
  let now = START;
  const ledger = new SandboxLedger(3, () => now);
  ledger.throttle('account');
  now += 599_000;
  ledger.refuse(6);
  expect(ledger.series().map(({ throttled, refused }) => [throttled, refused])).toEqual([
    [1, 0],
    [0, 1],
  ]);
  now += 2000;
  expect(ledger.series()).toHaveLength(1);
});

test.each([
  [{ host: '0.0.0.0' }, 'host: expected a loopback address'],
  [{ host: 'example.com' }, 'host: expected a loopback address'],
  [{ port: 70_000 }, 'port: expected a port'],
  [{ ledgerSize: 0 }, 'ledgerSize: expected a whole number from 1'],
])('the sandbox does not start with %j', async (options, complaint) => {
  await expect(startSandbox(options)).rejects.toThrow(complaint);
});

test('the sandbox starts on any free port of 127.0.0.1 with one account of 30 requests a second', async () => {
  await using sandbox = await startSandbox();
  expect(sandbox.url).toBe(`http://127.0.0.1:${sandbox.port}`);
  const shown = JSON.parse((await ask(`${sandbox.url}/control`)).text) as unknown;
  expect(shown).toMatchObject({ accounts: { sandbox1: { rate: 30, model: 'window' } } });
  await expect(startSandbox({ port: sandbox.port })).rejects.toThrow('EADDRINUSE');
});

test('the sandbox answers after the latency it was given, and accepts before', async () => {
  const { sandbox } = await setup({ latencyMs: 150, jitterMs: 100, random: () => 0.5 });
  const startedAt = performance.now();
  const answer = statuses(sandbox);
  await expect.poll(() => sandbox.ledger.counters.accepted, { interval: 5 }).toBe(1);
  expect(sandbox.ledger.counters.open).toBe(1);
  expect(await answer).toEqual(['0']);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
});
