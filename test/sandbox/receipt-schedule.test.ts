/**
 * The delivery receipts of the sandbox, over real HTTP: what is in them, when and in which order they come,
 * what goes wrong with them on purpose, and what the ledger says of it all.
 */
import { expect, test } from 'vitest';
import { retryWaitMs } from '../../src/sandbox/receipt-pusher.ts';
import type { SandboxOptions } from '../../src/sandbox/sandbox-options.ts';
import type { ReceiptOptions } from '../../src/sandbox/receipt-options.ts';
import { RECEIPT_FORMATS } from '../../src/sandbox/receipt-options.ts';
import { signatureOf } from '../../src/sandbox/sandbox-signature.ts';
import { SIGNATURE_METHODS } from '../../src/gateway/signature.ts';
import type { Answering, Came } from './receiver.ts';
import { startReceiver } from './receiver.ts';
import {
  KEY,
  MESSAGE,
  START,
  ask,
  elements,
  post,
  setup as setupSandbox,
  statuses,
} from './support.ts';

const TWO_PARTS = 'a'.repeat(161);
/** However slow the machine is. */
const SOON = { timeout: 20_000, interval: 2 };
const STEPS = ['accepted', 'buffered'];

/** A sandbox that sends its receipts at once to a receiver. */
async function setup(
  receipts: ReceiptOptions = {},
  more: SandboxOptions & { readonly answering?: Answering } = {},
) {
  const { answering, ...options } = more;
  const receiver = await startReceiver(answering);
  const url = receiver.url;
  const bundle = await setupSandbox({ ...options, receipts: { url, delayMs: 0, ...receipts } });
  return { ...bundle, ...receiver };
}

const values = (came: readonly Came[], name: string): readonly (string | undefined)[] =>
  came.map(({ fields }) => fields[name]);

/** Numbers that look like chance and are the same every time. */
function random(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test('the receipt schedule tells of each accepted part, in the fields and the words of the API', async () => {
  const { sandbox, came } = await setup();
  const [answer] = await elements(sandbox, { 'client-ref': 'order-9' });
  await sandbox.receiptsSettled();
  expect(came).toHaveLength(1);
  expect(came[0]).toMatchObject({
    method: 'POST',
    path: '/receipts',
    contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
    userAgent: 'Vonage/MessagingHUB/v1.0',
  });
  // START is 2025-11-24 16:00:00 UTC.
  expect(came[0]?.fields).toEqual({
    msisdn: MESSAGE.to,
    to: MESSAGE.from,
    'network-code': '23410',
    messageId: answer?.['message-id'],
    price: '0.05000000',
    status: 'delivered',
    scts: '2511241600',
    'err-code': '0',
    'api-key': KEY,
    'client-ref': 'order-9',
    'message-timestamp': '2025-11-24 16:00:00',
  });
});

test('a message of several parts has a receipt of each, with the id of the part', async () => {
  const { sandbox, came } = await setup();
  const parts = await elements(sandbox, { text: TWO_PARTS, 'client-ref': 'a-1' });
  await sandbox.receiptsSettled();
  expect(values(came, 'messageId')).toEqual(parts.map((part) => part['message-id']));
  expect(values(came, 'client-ref')).toEqual(['a-1', 'a-1']);
  expect(sandbox.ledger.counters).toMatchObject({
    receiptsSent: 2,
    receiptsAnswered: 2,
    receiptsPending: 0,
  });
});

test('the receipt schedule of a message accepted in part only the accepted parts have one', async () => {
  const { sandbox, came } = await setup();
  const to = '999200600001';
  const parts = await elements(sandbox, { to, text: TWO_PARTS });
  expect(parts.map(({ status }) => status)).toEqual(['0', '6']);
  await sandbox.receiptsSettled();
  expect(values(came, 'messageId')).toEqual([parts[0]?.['message-id']]);
});

test('refused messages have none, and those whose answer was lost have one', async () => {
  const { sandbox, came } = await setup();
  expect(await statuses(sandbox, { to: '999100600001' })).toEqual(['6']);
  await expect(post(sandbox, { ...MESSAGE, to: '999500100001' })).rejects.toThrow();
  const lost = { ...MESSAGE, to: '999600100001', 'client-ref': 'lost' };
  await expect(post(sandbox, lost)).rejects.toThrow();
  await sandbox.receiptsSettled();
  expect(values(came, 'client-ref')).toEqual(['lost']);
});

test('the receipt schedule sends none without a URL, and none that the message does not want', async () => {
  const { sandbox, came, url } = await setup({ url: null });
  await statuses(sandbox);
  expect(sandbox.ledger.counters).toMatchObject({ receiptsSent: 0, receiptsPending: 0 });
  await sandbox.configure({ receipts: { url } });
  for (const wish of ['false', '0']) await statuses(sandbox, { 'status-report-req': wish });
  await statuses(sandbox, { 'status-report-req': 'true', 'client-ref': 'wanted' });
  await sandbox.receiptsSettled();
  expect(values(came, 'client-ref')).toEqual(['wanted']);
});

test.each([
  ['get', 'GET', '', 'Vonage/MessagingHUB/v1.0'],
  ['json', 'POST', 'application/json', 'Jakarta Commons-HttpClient/3.1'],
] as const)('as %s it is a %s with the same fields', async (format, method, contentType, agent) => {
  const { sandbox, came } = await setup({ format });
  const from = 'Café & Bar';
  expect(await statuses(sandbox, { from: 'Acme Inc', 'client-ref': from })).toEqual(['0']);
  await sandbox.receiptsSettled();
  expect(came[0]).toMatchObject({ method, contentType, userAgent: agent });
  expect(came[0]?.fields).toMatchObject({
    'client-ref': from,
    to: 'Acme Inc',
    status: 'delivered',
  });
  expect(Object.keys(came[0]?.fields ?? {})).toHaveLength(11);
});

test('a query of its own in the URL stays beside the fields', async () => {
  const receiver = await startReceiver();
  const url = `${receiver.url}?tenant=7`;
  const { sandbox } = await setupSandbox({ receipts: { url, delayMs: 0, format: 'get' } });
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(receiver.came[0]?.fields).toMatchObject({ tenant: '7', msisdn: MESSAGE.to });
});

test('the receipt schedule leaves client-ref out when told to, and where the message had none', async () => {
  const { sandbox, came } = await setup();
  await statuses(sandbox);
  await sandbox.configure({ receipts: { clientRef: false } });
  await statuses(sandbox, { 'client-ref': 'order-9' });
  await sandbox.receiptsSettled();
  expect(came.map(({ fields }) => 'client-ref' in fields)).toEqual([false, false]);
});

const SIGNED = RECEIPT_FORMATS.flatMap((format) =>
  SIGNATURE_METHODS.map((method) => [format, method] as const),
);

test.each(SIGNED)('signs a receipt sent as %s with %s', async (format, method) => {
  const secret = 'not-a-real-secret';
  const { sandbox, came } = await setup({ format, signature: { method, secret } });
  await statuses(sandbox, { 'client-ref': 'a=b&c' });
  await sandbox.receiptsSettled();
  const { sig, ...fields } = came[0]?.fields ?? {};
  expect(fields).toMatchObject({
    timestamp: String(START / 1000),
    nonce: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
  const expected = signatureOf(new Map(Object.entries(fields)), secret, method);
  // As in the fixtures of Vonage's own libraries: HMACs in upper case, the plain MD5 in lower case.
  expect(sig).toBe(method === 'md5hash' ? expected : expected.toUpperCase());
});

test('the timestamp of a signed receipt is a number in JSON, and nothing else is', async () => {
  const { sandbox, came } = await setup({
    format: 'json',
    signature: { method: 'sha256', secret: 'not-a-real-secret' },
  });
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  const { timestamp, ...rest } = JSON.parse(came[0]?.raw ?? '') as Record<string, unknown>;
  expect(timestamp).toBe(START / 1000);
  expect(new Set(Object.values(rest).map((value) => typeof value))).toEqual(new Set(['string']));
});

test.each([
  ['sent', ['accepted 1', 'accepted 2', 'buffered 1', 'buffered 2', 'delivered 1', 'delivered 2']],
  [
    'reversed',
    ['delivered 2', 'delivered 1', 'buffered 2', 'buffered 1', 'accepted 2', 'accepted 1'],
  ],
] as const)('the words of all parts come in the order: %s', async (order, expected) => {
  const { sandbox, came } = await setup({ steps: STEPS, order });
  const parts = await elements(sandbox, { text: TWO_PARTS });
  await sandbox.receiptsSettled();
  const partOf = (id: string | undefined): number =>
    parts.findIndex((part) => part['message-id'] === id) + 1;
  const seen = came.map(({ fields }) => `${fields['status']} ${partOf(fields['messageId'])}`);
  expect(seen).toEqual(expected);
});

test('one receiver that is slow with a word keeps the next ones back, so that they keep their order', async () => {
  const held: (() => void)[] = [];
  const { sandbox, came } = await setup(
    { steps: STEPS },
    { answering: () => new Promise((resolve) => held.push(() => resolve(200))) },
  );
  await statuses(sandbox);
  for (const count of [1, 2, 3]) {
    await expect.poll(() => held.length, SOON).toBe(count);
    expect(came).toHaveLength(count);
    held.at(-1)?.();
  }
  await sandbox.receiptsSettled();
});

test('shuffled words come in another order, all of them', async () => {
  const { sandbox, came } = await setup(
    { steps: STEPS, order: 'shuffled', concurrency: 1 },
    { random: random() },
  );
  await statuses(sandbox, { text: 'a'.repeat(460) });
  await sandbox.receiptsSettled();
  const words = values(came, 'status');
  expect(words).toHaveLength(12);
  const sorted = words.toSorted();
  expect(sorted).toEqual(
    [...STEPS, 'delivered'].flatMap((word) => Array(4).fill(word) as string[]),
  );
  expect(words).not.toEqual(sorted);
});

test('jitter spreads receipts, and so mixes messages', async () => {
  const { sandbox, came } = await setup({ delayMs: 20, jitterMs: 400 }, { random: random() });
  await Promise.all(
    Array.from({ length: 8 }, (_, index) => statuses(sandbox, { 'client-ref': `${index}` })),
  );
  await sandbox.receiptsSettled();
  const entries = sandbox.ledger.entries();
  expect(values(came, 'client-ref')).not.toEqual(entries.map(({ clientRef }) => clientRef));
  const due = entries.map(({ dueMs }) => dueMs[0]?.[0] ?? 0);
  expect(Math.min(...due)).toBeGreaterThanOrEqual(20);
  expect(Math.max(...due)).toBeLessThan(420);
  expect(new Set(due).size).toBe(8);
});

test('the receipt schedule comes no sooner than the delay after the acceptance', async () => {
  const { sandbox, came } = await setup({ delayMs: 80 });
  const startedAt = performance.now();
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(79);
  expect(came).toHaveLength(1);
});

test('an early one has been answered before the answer to its own request comes', async () => {
  let isAnswered = false;
  const seen: boolean[] = [];
  const { sandbox, came } = await setup(
    { early: true, steps: ['accepted'], delayMs: 60_000 },
    {
      answering: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        seen.push(isAnswered);
        return 200;
      },
    },
  );
  expect(await statuses(sandbox, { text: TWO_PARTS })).toEqual(['0', '0']);
  isAnswered = true;
  expect(values(came, 'status')).toEqual(['accepted', 'accepted', 'delivered', 'delivered']);
  expect(seen).toEqual([false, false, false, false]);
});

test('early receipts that fail hold the answer up no longer than one try', async () => {
  const receiver = await startReceiver();
  await receiver.close();
  const { sandbox } = await setupSandbox({
    receipts: { url: receiver.url, early: true, retryMs: 600_000 },
  });
  expect(await statuses(sandbox)).toEqual(['0']);
  expect(sandbox.ledger.counters).toMatchObject({ receiptsUnanswered: 1, receiptsPending: 1 });
});

test('an answer that waits for receipts leaves when there shall be none any more', async () => {
  const never = new Promise<number>(() => undefined);
  const { sandbox, came } = await setup(
    { early: true, concurrency: 1 },
    { answering: () => never },
  );
  const first = statuses(sandbox).catch(() => null);
  await expect.poll(() => came.length, SOON).toBe(1);
  const second = statuses(sandbox);
  await expect.poll(() => sandbox.ledger.counters.receiptsPending, SOON).toBe(2);
  await sandbox.configure({ receipts: { url: null } });
  expect(await second).toEqual(['0']);
  await sandbox.close();
  expect(await first).toBeNull();
});

test('an early receipt comes even where the answer never does', async () => {
  const { sandbox, came } = await setup({ early: true });
  await expect(post(sandbox, { ...MESSAGE, to: '999600100001' })).rejects.toThrow();
  expect(came).toHaveLength(1);
});

test('the receipt schedule repeats every receipt, byte for byte, and loses every receipt, when told to', async () => {
  const { sandbox, came } = await setup({
    repeat: 1,
    signature: { method: 'sha256', secret: 'not-a-real-secret' },
  });
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(came).toHaveLength(2);
  expect(came[0]?.raw).toBe(came[1]?.raw);
  await sandbox.configure({ receipts: { loss: 1 } });
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(came).toHaveLength(2);
  expect(sandbox.ledger.counters).toMatchObject({ receiptsRepeated: 1, receiptsLost: 1 });
});

test('the receipt schedule loses the share that was asked for', async () => {
  const draws = [0.1, 0.25, 0.24, 0.9];
  const { sandbox, came } = await setup({ loss: 0.25 }, { random: () => draws.shift() ?? 0 });
  for (const ref of ['a', 'b', 'c', 'd']) await statuses(sandbox, { 'client-ref': ref });
  await sandbox.receiptsSettled();
  expect(values(came, 'client-ref').toSorted()).toEqual(['b', 'd']);
  expect(sandbox.ledger.counters).toMatchObject({ receiptsLost: 2, receiptsSent: 2 });
});

test('the receipt schedule tries again after 429, 503 and no answer, with the same bytes', async () => {
  const answers = [429, 503, null, 204];
  const { sandbox, came, clock } = await setup(
    { retryMs: 1, signature: { method: 'sha1', secret: 'not-a-real-secret' } },
    {
      answering: () => {
        clock.ms += 60_000;
        return answers.shift() as number | null;
      },
    },
  );
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(came).toHaveLength(4);
  expect(new Set(came.map(({ raw }) => raw)).size).toBe(1);
  expect(sandbox.ledger.counters).toMatchObject({
    receiptsSent: 4,
    receiptsAnswered: 1,
    receiptsRefused: { 429: 1, 503: 1 },
    receiptsUnanswered: 1,
    receiptsPending: 0,
  });
});

test.each([302, 400, 404, 410])(
  'the receipt schedule never tries again after %i',
  async (status) => {
    const { sandbox, came } = await setup({ retryMs: 1 }, { answering: () => status });
    await statuses(sandbox);
    await sandbox.receiptsSettled();
    expect(came).toHaveLength(1);
    expect(sandbox.ledger.counters).toMatchObject({ receiptsRefused: { [status]: 1 } });
  },
);

test('the receipt schedule waits twice as long before each further try, up to a quarter of an hour', () => {
  const waits = [1, 2, 3, 8, 9, 40].map((tries) => retryWaitMs(5000, tries));
  expect(waits).toEqual([5000, 10_000, 20_000, 640_000, 900_000, 900_000]);
});

test('a receipt that is tried again does not keep the next word waiting', async () => {
  const { sandbox, came } = await setup(
    { steps: ['accepted'], retryMs: 60_000 },
    { answering: ({ fields }) => (fields['status'] === 'accepted' ? 503 : 200) },
  );
  await statuses(sandbox);
  await expect.poll(() => values(came, 'status'), SOON).toEqual(['accepted', 'delivered']);
  await expect.poll(() => sandbox.ledger.counters.receiptsPending, SOON).toBe(1);
});

test('the receipt schedule finds a receiver that comes back on its port', async () => {
  const { sandbox, came, url } = await setup({ retryMs: 5 }, { answering: () => null });
  await statuses(sandbox);
  await expect.poll(() => came.length, SOON).toBeGreaterThan(1);
  const other = await startReceiver();
  expect(other.url).not.toBe(url);
  await sandbox.configure({ receipts: { url: other.url } });
  await sandbox.receiptsSettled();
  expect(other.came).toHaveLength(1);
});

test.each([
  ['999910000001', 'delivered', '0'],
  ['999920200001', 'failed', '2'],
  ['999930900001', 'rejected', '9'],
  ['999940000001', 'expired', '0'],
  ['999951200001', 'undelivered', '12'],
  ['999960100001', 'deleted', '1'],
  ['999979900001', 'unknown', '99'],
  ['999980700001', 'accepted', '7'],
  ['999990000001', 'enroute', '0'],
  ['447700900001', 'delivered', '0'],
  ['999700000001', 'delivered', '0'],
])('the last receipt of %s says %s with err-code %s', async (to, word, code) => {
  const { sandbox, came } = await setup({ steps: ['buffered'] });
  expect(await statuses(sandbox, { to })).toEqual(['0']);
  await sandbox.receiptsSettled();
  expect(values(came, 'status')).toEqual(['buffered', word]);
  expect(values(came, 'err-code')).toEqual(['0', code]);
});

test('the receipt schedule of some recipients nothing is ever heard', async () => {
  const { sandbox, came } = await setup({ steps: ['buffered'] });
  expect(await statuses(sandbox, { to: '999900000001' })).toEqual(['0']);
  await sandbox.receiptsSettled();
  expect(came).toEqual([]);
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 1, receiptsSent: 0 });
});

test('a recipient fails the first K times and is reached afterwards', async () => {
  const { sandbox, came } = await setup();
  const to = '999920220001';
  for (let index = 0; index < 3; index += 1) {
    await statuses(sandbox, { to });
    await sandbox.receiptsSettled();
  }
  expect(values(came, 'status')).toEqual(['failed', 'failed', 'delivered']);
});

test('the receipt schedule keeps no more on their way than it may, over connections that it keeps', async () => {
  const { sandbox, came, mostAtOnce } = await setup(
    { concurrency: 3 },
    { answering: () => new Promise((resolve) => setTimeout(() => resolve(200), 1)) },
  );
  await Promise.all(Array.from({ length: 60 }, () => statuses(sandbox)));
  await sandbox.receiptsSettled();
  expect(came).toHaveLength(60);
  expect(mostAtOnce()).toBeLessThanOrEqual(3);
  expect(new Set(came.map(({ from }) => from)).size).toBeLessThanOrEqual(3);
});

test('the receipt schedule holds ten thousand receipts, and lets them go when there is no URL any more', async () => {
  const accounts = { [KEY]: { rate: null, balance: 1_000 } };
  const { sandbox, came } = await setup({ delayMs: 600_000 }, { accounts });
  const text = 'a'.repeat(153 * 20);
  await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      statuses(sandbox, { text, 'client-ref': `${index}` }),
    ),
  );
  expect(sandbox.ledger.counters.receiptsPending).toBe(10_000);
  expect(came).toEqual([]);
  await sandbox.configure({ receipts: { url: null } });
  expect(sandbox.ledger.counters).toMatchObject({ receiptsPending: 0, receiptsAbandoned: 10_000 });
});

test('a thousand messages at once have a thousand receipts', async () => {
  const { sandbox, came } = await setup({ delayMs: 30, jitterMs: 30 });
  const refs = Array.from({ length: 1000 }, (_, index) => `ref-${index}`);
  await Promise.all(refs.map((ref) => statuses(sandbox, { 'client-ref': ref })));
  await sandbox.receiptsSettled();
  expect(values(came, 'client-ref').toSorted()).toEqual(refs.toSorted());
});

test('above as many pending ones as the ledger has entries, receipts are abandoned', async () => {
  const { sandbox } = await setup({ delayMs: 600_000 }, { ledgerSize: 3 });
  for (let index = 0; index < 4; index += 1) await statuses(sandbox);
  expect(sandbox.ledger.counters).toMatchObject({ receiptsPending: 3, receiptsAbandoned: 1 });
});

test('closing abandons what waits and what is on its way, and nobody waits for ever', async () => {
  const never = new Promise<number>(() => undefined);
  const { sandbox, came } = await setup({ retryMs: 1 }, { answering: () => never });
  await statuses(sandbox);
  await expect.poll(() => came.length, SOON).toBe(1);
  await sandbox.configure({ receipts: { delayMs: 600_000 } });
  await statuses(sandbox);
  const settled = sandbox.receiptsSettled();
  await sandbox.close();
  await settled;
  expect(sandbox.ledger.counters).toMatchObject({ receiptsPending: 0, receiptsAbandoned: 2 });
});

test('a cleared ledger still knows what is pending', async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { sandbox } = await setup({}, { answering: () => promise });
  await statuses(sandbox);
  await ask(`${sandbox.url}/ledger`, { method: 'DELETE' });
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 0, receiptsPending: 1 });
  resolve(200);
  await sandbox.receiptsSettled();
  expect(sandbox.ledger.counters).toMatchObject({ receiptsAnswered: 1, receiptsPending: 0 });
});

test('the receipt schedule is switched over HTTP, change by change, and shows what holds without the secret', async () => {
  const { sandbox, came, url } = await setup({ delayMs: 3 });
  const control = (receipts: unknown) =>
    ask(`${sandbox.url}/control`, { method: 'POST', body: JSON.stringify({ receipts }) });
  await control({ signature: { method: 'sha512', secret: 'not-a-real-secret' } });
  await control({ steps: ['accepted'], format: 'json' });
  const shown = (await ask(`${sandbox.url}/control`)).text;
  expect(shown).not.toContain('not-a-real-secret');
  expect((JSON.parse(shown) as { receipts: unknown }).receipts).toEqual({
    url,
    format: 'json',
    delayMs: 3,
    jitterMs: 0,
    steps: ['accepted'],
    order: 'sent',
    repeat: 0,
    loss: 0,
    clientRef: true,
    early: false,
    signature: { method: 'sha512' },
    concurrency: 50,
    retryMs: 5000,
  });
  await statuses(sandbox);
  await sandbox.receiptsSettled();
  expect(values(came, 'status')).toEqual(['accepted', 'delivered']);
  const ledger = JSON.parse((await ask(`${sandbox.url}/ledger`)).text) as unknown;
  expect(ledger).toMatchObject({
    counters: { receiptsSent: 2, receiptsAnswered: 2 },
    entries: [{ words: ['accepted', 'delivered'], code: 0, dueMs: [[3, 3]] }],
  });
});

test.each([
  [{ url: 'http://192.0.2.1/receipts' }, /^receipts\.url: expected an http URL on loopback/],
  [{ url: 'https://127.0.0.1/receipts' }, /^receipts\.url: expected an http URL/],
  [{ url: 'http://127.0.0.1.example.com/' }, /^receipts\.url: expected an http URL/],
  [{ format: 'xml' }, /^receipts\.format: expected one of get, form, json, found "xml"$/],
  [{ steps: 'accepted' }, /^receipts\.steps: expected a list/],
  [{ steps: ['two words'] }, /^receipts\.steps: expected a list/],
  [{ repeat: 2 }, /^receipts\.repeat: expected a number from 0 to 1, found 2$/],
  [{ retryMs: 0 }, /^receipts\.retryMs: expected a number above 0, found 0$/],
  [{ concurrency: 0 }, /^receipts\.concurrency: expected a whole number from 1/],
  [{ signature: 'hush' }, /^receipts\.signature: expected .*, found "string"$/],
  [{ signature: { method: 'sha256', secret: 7 } }, /^receipts\.signature\.secret: .*"number"$/],
  [{ signature: { method: 'sha256' } }, /^receipts\.signature\.secret: .*found nothing$/],
  [{ colour: 'red' }, /^receipts\.colour: unknown; known are url, format/],
  [[], /^receipts: expected an object/],
])('the receipt schedule refuses receipts %j and says why', async (receipts, complaint) => {
  const { sandbox } = await setup();
  const body = JSON.stringify({ receipts });
  const answer = await ask(`${sandbox.url}/control`, { method: 'POST', body });
  expect(answer.httpStatus).toBe(400);
  expect((JSON.parse(answer.text) as { error: string }).error).toMatch(complaint);
});
