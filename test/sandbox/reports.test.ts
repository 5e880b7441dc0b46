/**
 * The reports of the sandbox, over real HTTP: who may ask for what, what a record says and when, pages, and
 * what goes wrong with them on purpose.
 */
import { expect, test } from 'vitest';
import type { SandboxOptions } from '../../src/sandbox/sandbox-options.ts';
import type { Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import {
  BASIC,
  KEY,
  SECRET,
  MESSAGE,
  START,
  ask,
  elements,
  post,
  setup,
  statuses,
} from './support.ts';

type ReportRecord = Readonly<Record<string, string>>;

interface Report {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly request_status: string;
  readonly items_count: number;
  readonly records: readonly ReportRecord[];
  readonly ids_not_found?: string;
  readonly cursor?: string;
  readonly iv?: string;
  readonly _links: { readonly self: { href: string }; readonly next?: { href: string } };
  readonly invalid_parameters?: readonly { readonly name: string }[];
}

const REQUIRED = { product: 'SMS', account_id: KEY, direction: 'outbound' };
const at = (ms: number): string => new Date(ms).toISOString();
/** The day that began an hour before the first message. */
const DAY = { date_start: at(START - 3_600_000), date_end: at(START + 82_800_000) };

async function get(url: string, authorization = BASIC): Promise<Report> {
  const { httpStatus, headers, text } = await ask(url, { headers: { authorization } });
  return { ...(JSON.parse(text) as Report), httpStatus, headers };
}

function report(sandbox: Sandbox, query: Readonly<Record<string, string>>): Promise<Report> {
  const search = new URLSearchParams({ ...REQUIRED, ...query }).toString();
  return get(`${sandbox.url}/v2/reports/records?${search}`);
}

const refs = (records: readonly ReportRecord[]): readonly (string | undefined)[] =>
  records.map((record) => record['client_ref']);

/** A sandbox of which each message can be told by its client-ref. */
async function setupWith(messages: readonly Record<string, string>[], options?: SandboxOptions) {
  const bundle = await setup(options);
  const ids: string[] = [];
  for (const fields of messages) {
    for (const part of await elements(bundle.sandbox, fields)) ids.push(part['message-id'] ?? '');
    bundle.clock.ms += 1000;
  }
  return { ...bundle, ids };
}

test('the reports endpoint tells of a message by id, in the fields of the API, all of them texts', async () => {
  const fields = { 'client-ref': 'order-9', 'account-ref': 'shop', ttl: '86400000' };
  const { sandbox, ids } = await setupWith([fields]);
  const answer = await report(sandbox, { id: ids.join() });
  expect(answer).toMatchObject({
    httpStatus: 200,
    request_status: 'SUCCESS',
    items_count: 1,
    product: 'SMS',
    account_id: KEY,
    direction: 'outbound',
  });
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.records).toEqual([
    {
      account_id: KEY,
      message_id: ids[0],
      account_ref: 'shop',
      client_ref: 'order-9',
      direction: 'outbound',
      from: MESSAGE.from,
      to: MESSAGE.to,
      forced_from: '',
      changed_from: '',
      network: '23410',
      network_name: 'Sandbox',
      country: 'GB',
      country_name: 'United Kingdom',
      date_received: '2025-11-24T16:00:00+00:00',
      date_finalized: '2025-11-24T16:00:00+00:00',
      latency: '100',
      status: 'delivered',
      error_code: '0',
      error_code_description: 'Delivered',
      currency: '',
      total_price: '0.05000000',
      id: ids[0],
      dcs: '0',
      validity_period: '86400000',
      ip_address: '127.0.0.1',
      udh: '',
      workflow_id: '',
    },
  ]);
  expect(answer).not.toHaveProperty('ids_not_found');
});

test('the reports endpoint tells of each part of a long message', async () => {
  const { sandbox, ids } = await setupWith([{ text: 'ж'.repeat(71), type: 'unicode' }]);
  const { records } = await report(sandbox, { id: ids.join(), show_concatenated: 'true' });
  expect(records.map((record) => record['message_id'])).toEqual(ids);
  expect(records).toMatchObject([
    { udh: '050003010201', dcs: '8', concatenated: 'TRUE' },
    { udh: '050003010202', dcs: '8', concatenated: 'TRUE' },
  ]);
});

test('the reports endpoint names the ids that are nobody’s, and takes no more than twenty', async () => {
  const { sandbox, ids } = await setupWith([{}]);
  const strange = ['nothing', '00000000-0000-4000-8000-000000000001'];
  const answer = await report(sandbox, { id: [...ids, ...strange].join() });
  expect(answer.records).toHaveLength(1);
  expect(answer.ids_not_found).toBe(strange.join());
  const many = Array.from({ length: 21 }, (_, index) => `id-${index}`);
  expect((await report(sandbox, { id: many.slice(1).join() })).httpStatus).toBe(200);
  expect(await report(sandbox, { id: many.join() })).toMatchObject({
    httpStatus: 422,
    invalid_parameters: [{ name: 'id' }],
  });
});

test('the reports endpoint finds what was accepted although nobody was told, and nothing that was refused', async () => {
  const { sandbox } = await setup();
  const lost = { ...MESSAGE, to: '999600100001', 'client-ref': 'lost' };
  await expect(post(sandbox, lost)).rejects.toThrow();
  expect(await statuses(sandbox, { to: '999100600001' })).toEqual(['6']);
  expect(await statuses(sandbox, { to: '999200600001', 'client-ref': 'in-part' })).toHaveLength(2);
  const { records } = await report(sandbox, DAY);
  expect(refs(records)).toEqual(['lost', 'in-part']);
});

test('a window holds its start and not its end, in any time zone', async () => {
  const sent = ['0', '1', '2', '3'].map((ref) => ({ 'client-ref': ref }));
  const { sandbox } = await setupWith(sent);
  const window = async (date_start: string, date_end: string) =>
    refs((await report(sandbox, { date_start, date_end })).records);
  expect(await window(at(START + 1000), at(START + 3000))).toEqual(['1', '2']);
  expect(await window(at(START + 1001), at(START + 3001))).toEqual(['2', '3']);
  expect(await window('2025-11-24T17:00:01+01:00', '2025-11-24T11:00:03-0500')).toEqual(['1', '2']);
});

test('the reports endpoint ends now where no end is given', async () => {
  const { sandbox, clock } = await setupWith([{ 'client-ref': 'a' }]);
  expect(refs((await report(sandbox, { date_start: at(START) })).records)).toEqual(['a']);
  clock.ms += 86_400_000;
  expect((await report(sandbox, { date_start: at(START) })).httpStatus).toBe(422);
});

test('filters by recipient, sender and status, and has no filter by client_ref', async () => {
  const { sandbox, clock } = await setupWith([
    { 'client-ref': 'a', to: '447700900001' },
    { 'client-ref': 'b', to: '447700900002', from: 'Shop' },
    { 'client-ref': 'c', to: '999920100001', from: 'Shop' },
    { 'client-ref': 'd', to: '447700900001', from: 'Shop' },
  ]);
  clock.ms += 60_000;
  const found = async (filter: Record<string, string>) =>
    refs((await report(sandbox, { ...DAY, ...filter })).records);
  expect(await found({ to: '447700900001' })).toEqual(['a', 'd']);
  expect(await found({ from: 'Shop', status: 'delivered' })).toEqual(['b', 'd']);
  expect(await found({ status: 'failed' })).toEqual(['c']);
  expect(await found({ network: '26201' })).toEqual([]);
  expect(await report(sandbox, { ...DAY, client_ref: 'a' })).toMatchObject({
    httpStatus: 422,
    invalid_parameters: [{ name: 'client_ref' }],
  });
});

test.each([
  [{ ...DAY, product: 'MESSAGES' }, ['product']],
  [{ ...DAY, account_id: 'somebody' }, ['account_id']],
  [{ ...DAY, direction: 'inbound' }, ['direction']],
  [{ ...DAY, product: '', direction: '' }, ['product', 'direction']],
  [{}, ['date_start']],
  [{ date_start: at(START), date_end: at(START + 86_400_001) }, ['date_start']],
  [{ date_start: at(START), date_end: at(START) }, ['date_end']],
  [{ date_start: '2025-11-24', date_end: at(START) }, ['date_start']],
  [{ date_start: '2025-11-24T16:00:00', date_end: at(START + 1) }, ['date_start']],
  [{ date_start: at(START), date_end: '2025-11-24T16:30:00 00:00' }, ['date_end']],
  [{ id: '', to: MESSAGE.to }, ['to', 'id']],
  [{ ...DAY, cursor: 'MTox' }, ['cursor']],
  [{ ...DAY, cursor: 'MTox', iv: 'ours' }, ['cursor']],
])('the reports endpoint answers 422 to %o and names what is wrong', async (query, names) => {
  const { sandbox } = await setup();
  const answer = await report(sandbox, query);
  expect(answer.httpStatus).toBe(422);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.invalid_parameters?.map(({ name }) => name)).toEqual(names);
});

test('a + that was not encoded is a space, and wrong', async () => {
  const { sandbox } = await setup();
  const query = `${new URLSearchParams(REQUIRED).toString()}&date_start=2025-11-24T16:00:00+00:00`;
  expect((await get(`${sandbox.url}/v2/reports/records?${query}`)).httpStatus).toBe(422);
});

test.each(['', 'Basic nobody', `Basic ${Buffer.from(`${KEY}:wrong`).toString('base64')}`])(
  'the reports endpoint answers 401 to the credentials %j, also beside those of the old account endpoints',
  async (authorization) => {
    const { sandbox } = await setup();
    const query = new URLSearchParams({ ...REQUIRED, ...DAY, api_key: KEY, api_secret: SECRET });
    const url = `${sandbox.url}/v2/reports/records?${query.toString()}`;
    const answer = await get(url, authorization);
    expect([answer.httpStatus, answer.headers['content-type']]).toEqual([
      401,
      'application/problem+json',
    ]);
  },
);

test('an account sees nothing of another', async () => {
  const accounts = { [KEY]: { rate: null }, other: { rate: null, secret: 'other-secret' } };
  const { sandbox, ids } = await setupWith([{}], { accounts });
  const basic = `Basic ${Buffer.from('other:other-secret').toString('base64')}`;
  for (const part of [{ id: ids.join() }, DAY]) {
    const query = new URLSearchParams({ ...REQUIRED, account_id: 'other', ...part }).toString();
    const answer = await get(`${sandbox.url}/v2/reports/records?${query}`, basic);
    expect([answer.httpStatus, answer.records]).toEqual([200, []]);
  }
});

test('a thousand records are a page; cursor and iv, or the link, lead to the next', async () => {
  const accounts = { [KEY]: { rate: null, balance: 1_000 } };
  const { sandbox } = await setup({ accounts });
  // Messages of three parts: the page ends in the middle of one.
  const text = 'a'.repeat(460 - 40);
  const sent = Array.from({ length: 700 }, (_, index) => `ref-${index}`);
  for (const ref of sent) sandbox.ledger.accept(entryOf(ref, 3));
  expect((await elements(sandbox, { text })).length).toBe(3);
  const first = await report(sandbox, DAY);
  expect(first).toMatchObject({ request_status: 'TRUNCATED', items_count: 1000 });
  const { cursor = '', iv = '' } = first;
  const second = await report(sandbox, { ...DAY, cursor, iv });
  expect(second).toMatchObject({ request_status: 'TRUNCATED', items_count: 1000 });
  const third = await get(second._links.next?.href ?? '');
  expect(third).toMatchObject({ request_status: 'SUCCESS', items_count: 103 });
  expect(third._links).not.toHaveProperty('next');
  const all = [first, second, third].flatMap(({ records }) => records);
  expect(new Set(all.map((record) => record['message_id'])).size).toBe(2103);
  expect(refs(all).slice(0, 2100)).toEqual(sent.flatMap((ref) => [ref, ref, ref]));
});

function entryOf(clientRef: string, parts: number) {
  return {
    account: KEY,
    clientRef,
    to: MESSAGE.to,
    from: MESSAGE.from,
    type: 'text',
    ttlMs: null,
    textHash: 'ab',
    parts,
    partsRefused: 0,
    messageIds: Array.from({ length: parts }, (_, part) => `${clientRef}-${part}`),
    isAnswered: true,
    accountRef: null,
    price: '0.05000000',
    words: ['delivered'],
    code: 0,
    dueMs: Array.from({ length: parts }, () => [100]),
  };
}

test('the status follows what the receipts say, word for word, although none is sent', async () => {
  const draws = [0.1, 0.9];
  const { sandbox, clock } = await setup({
    receipts: { steps: ['accepted'], delayMs: 5_000, jitterMs: 10_000 },
    random: () => draws.shift() ?? 0,
  });
  const [part] = await elements(sandbox, { to: '999920200001' });
  const status = async () => {
    const { records } = await report(sandbox, { id: part?.['message-id'] ?? '' });
    return [records[0]?.['status'], records[0]?.['error_code'], records[0]?.['date_finalized']];
  };
  expect(await status()).toEqual(['submitted', '0', '']);
  clock.ms = START + 5_999;
  expect(await status()).toEqual(['submitted', '0', '']);
  clock.ms = START + 6_000;
  expect(await status()).toEqual(['accepted', '0', '']);
  clock.ms = START + 14_000;
  expect(await status()).toEqual(['failed', '2', '2025-11-24T16:00:14+00:00']);
});

test('the reports endpoint knows what lost receipts would have said, and of some recipients never anything', async () => {
  const { sandbox, clock } = await setupWith(
    [{ to: '447700900001' }, { to: '999900000001' }, { to: '999980000001' }],
    { receipts: { url: 'http://127.0.0.1:9/', loss: 1 } },
  );
  clock.ms += 60_000;
  const { records } = await report(sandbox, DAY);
  expect(records.map((record) => record['status'])).toEqual(['delivered', 'submitted', 'accepted']);
});

test('the reports endpoint shows a record only after the lag it was given', async () => {
  const { sandbox, clock, ids } = await setupWith([{}], { reports: { lagMs: 60_000 } });
  const count = async () => [
    (await report(sandbox, { id: ids.join() })).records.length,
    (await report(sandbox, DAY)).records.length,
  ];
  clock.ms = START + 59_999;
  expect(await count()).toEqual([0, 0]);
  clock.ms = START + 60_000;
  expect(await count()).toEqual([1, 1]);
});

test('the reports endpoint answers every call with the status it was given, and goes on when that is taken back', async () => {
  const { sandbox } = await setup({ reports: { status: 429 } });
  const busy = await report(sandbox, DAY);
  expect([busy.httpStatus, busy.headers['retry-after']]).toEqual([429, '1']);
  await sandbox.configure({ reports: { status: 503 } });
  const down = await report(sandbox, DAY);
  expect([down.httpStatus, down.headers['retry-after']]).toEqual([503, undefined]);
  const changes = JSON.stringify({ reports: { status: null, lagMs: 5 } });
  const { text } = await ask(`${sandbox.url}/control`, { method: 'POST', body: changes });
  expect(JSON.parse(text)).toMatchObject({ reports: { status: null, lagMs: 5, rate: 10 } });
  expect((await report(sandbox, DAY)).httpStatus).toBe(200);
  expect(sandbox.ledger.counters).toMatchObject({ reportRequests: 3, reportsThrottled: 0 });
});

test('the reports endpoint allows ten calls a second, and says when to come again', async () => {
  const { sandbox, clock } = await setup();
  const seen: number[] = [];
  for (let index = 0; index < 11; index += 1) {
    seen.push((await report(sandbox, DAY)).httpStatus);
  }
  expect(seen).toEqual([...Array<number>(10).fill(200), 429]);
  const busy = await report(sandbox, DAY);
  expect(busy.headers).toMatchObject({ 'retry-after': '1', 'x-ratelimit-limit': '10' });
  expect(sandbox.ledger.counters).toMatchObject({ reportRequests: 12, reportsThrottled: 2 });
  clock.ms += 1000;
  expect((await report(sandbox, DAY)).httpStatus).toBe(200);
  await sandbox.configure({ reports: { rate: null } });
  for (let index = 0; index < 15; index += 1) {
    expect((await report(sandbox, DAY)).httpStatus).toBe(200);
  }
});

test('suffers under the chaos that everything suffers under', async () => {
  const { sandbox } = await setup({ chaos: '503' });
  const { httpStatus } = await ask(`${sandbox.url}/v2/reports/records`);
  expect(httpStatus).toBe(503);
});

test('the reports endpoint does not find what the ledger has forgotten, or what another one began with', async () => {
  const { sandbox, ids } = await setupWith([{}, {}, {}], { ledgerSize: 2 });
  const left = await report(sandbox, { id: ids.join() });
  expect([left.records.length, left.ids_not_found]).toEqual([2, ids[0]]);
  await ask(`${sandbox.url}/ledger`, { method: 'DELETE' });
  await statuses(sandbox);
  expect((await report(sandbox, { id: ids.join() })).records).toEqual([]);
});

test.each([
  [
    { status: 200 },
    /^reports\.status: expected a whole number from 400 to 599, or null, found 200$/,
  ],
  [{ lagMs: -1 }, /^reports\.lagMs: expected a number from 0, found -1$/],
  [{ rate: 0 }, /^reports\.rate: expected a whole number from 1, or null/],
  [{ lag: 1 }, /^reports\.lag: unknown; known are lagMs, status, rate$/],
])('the reports endpoint refuses reports %j and says why', async (reports, complaint) => {
  const { sandbox } = await setup();
  await expect(sandbox.configure({ reports } as SandboxOptions)).rejects.toThrow(complaint);
});
