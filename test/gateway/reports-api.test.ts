/**
 * The Reports API over real HTTP, played by a small server in this process: questions, pages, records, and
 * whatever else may come instead of them.
 */
import fc from 'fast-check';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished, describe, expect, it } from 'vitest';
import {
  fetchReportsByIds,
  fetchReportsTo,
  type ReportAnswer,
  type ReportsTarget,
} from '../../src/gateway/reports-api.ts';

const NOW = 1_760_000_000;
const WINDOW = { recipient: '+447700900000', from: NOW - 180.5, until: NOW - 0.5 };

const RECORD = {
  account_id: 'abcd1234',
  message_id: 'aaaaaaaa-bbbb-cccc-dddd-0123456789ab',
  client_ref: '2s.1.0123456789abcdef0123',
  direction: 'outbound',
  from: 'AcmeInc',
  to: '447700900000',
  network: '23410',
  network_name: 'O2',
  country: 'GB',
  date_received: '2025-10-09T08:53:20+00:00',
  date_finalized: '2025-10-09T08:53:24+00:00',
  latency: '4000',
  status: 'delivered',
  error_code: '0',
  error_code_description: 'Delivered',
  currency: '',
  total_price: '0.0333',
  id: 'bbbbbbbb-bbbb-cccc-dddd-0123456789ab',
};

type Play = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

/** A gateway that answers as `play` says; what was asked is kept. */
async function setup(play: Play, over: Partial<ReportsTarget> = {}) {
  const asked: { path: string; query: Record<string, string>; request: IncomingMessage }[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://gateway');
    asked.push({ path: url.pathname, query: Object.fromEntries(url.searchParams), request });
    play(request, response, url.searchParams);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const target: ReportsTarget = {
    baseUrl: `http://127.0.0.1:${port}`,
    apiKey: 'abcd1234',
    apiSecret: 'secret',
    timeoutMs: 30_000,
    now: () => NOW,
    ...over,
  };
  return { target, asked };
}

const answering =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Play =>
  (_request, response) =>
    void response
      .writeHead(status, headers)
      .end(typeof body === 'string' ? body : JSON.stringify(body));

async function receiptsFrom(records: readonly unknown[]) {
  const { target } = await setup(answering({ request_status: 'SUCCESS', records }));
  const answer = await fetchReportsByIds(target, ['a']);
  if (!answer.ok) expect.fail(answer.detail);
  return answer.receipts;
}

describe('fetchReportsByIds', () => {
  it('fetchReportsByIds asks for ids with Basic auth, and for no text', async () => {
    const { target, asked } = await setup(answering({ records: [], ids_not_found: ['a', 'b'] }));
    expect(await fetchReportsByIds(target, ['a', 'b'])).toEqual({ ok: true, receipts: [] });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      path: '/v2/reports/records',
      query: { product: 'SMS', account_id: 'abcd1234', direction: 'outbound', id: 'a,b' },
      request: {
        method: 'GET',
        headers: { authorization: `Basic ${Buffer.from('abcd1234:secret').toString('base64')}` },
      },
    });
    expect(Object.keys(asked[0]!.query)).toHaveLength(4);
  });

  it('fetchReportsByIds takes an answer that only says that nothing was found', async () => {
    const { target } = await setup(answering({ ids_not_found: 'a' }));
    expect(await fetchReportsByIds(target, ['a'])).toEqual({ ok: true, receipts: [] });
  });

  it('fetchReportsByIds refuses to be called with no id, or more than the API takes', async () => {
    const { target, asked } = await setup(answering({ records: [] }));
    await expect(fetchReportsByIds(target, [])).rejects.toThrow(RangeError);
    await expect(fetchReportsByIds(target, Array(21).fill('a'))).rejects.toThrow(RangeError);
    expect(asked).toEqual([]);
  });
});

describe('fetchReportsTo', () => {
  it('fetchReportsTo asks for digits and whole seconds', async () => {
    const { target, asked } = await setup(answering({ records: [RECORD] }));
    expect(await fetchReportsTo(target, WINDOW)).toMatchObject({ ok: true });
    expect(asked[0]?.query).toEqual({
      product: 'SMS',
      account_id: 'abcd1234',
      direction: 'outbound',
      to: '447700900000',
      date_start: '2025-10-09T08:50:19.000Z',
      date_end: '2025-10-09T08:53:20.000Z',
    });
  });

  it('fetchReportsTo refuses to be called with a window that is empty or longer than a day', async () => {
    const { target, asked } = await setup(answering({ records: [] }));
    for (const until of [NOW, NOW - 1, NOW + 86_401, NaN, Infinity]) {
      const window = { ...WINDOW, from: NOW, until };
      await expect(fetchReportsTo(target, window)).rejects.toThrow(RangeError);
    }
    expect(asked).toEqual([]);
  });

  it('fetchReportsTo turns the page, with the same question', async () => {
    const page = (id: string, next: object) => ({ records: [{ message_id: id }], ...next });
    const { target, asked } = await setup((_request, response, query) => {
      const cursor = query.get('cursor');
      const isLast = cursor === 'one+/=';
      const body = isLast
        ? page('b', { request_status: 'SUCCESS', cursor: null })
        : page('a', { request_status: 'TRUNCATED', cursor: 'one+/=', iv: 'iv+/=' });
      response.end(JSON.stringify(body));
    });
    const answer = await fetchReportsTo(target, WINDOW);
    expect(answer.ok && answer.receipts.map(({ gatewayId }) => gatewayId)).toEqual(['a', 'b']);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.query).toEqual({ ...asked[0]?.query, cursor: 'one+/=', iv: 'iv+/=' });
  });

  it.each([
    ['that never end', () => ({ records: [RECORD], cursor: String(Math.random()), iv: 'iv' }), 3],
    ['that lead in a circle', () => ({ records: [RECORD], cursor: 'same', iv: 'iv' }), 2],
    ['that are empty', () => ({ records: [], cursor: String(Math.random()), iv: 'iv' }), 1],
    ['without an iv', () => ({ records: [RECORD], cursor: 'one' }), 1],
  ])('fetchReportsTo does not follow pages %s', async (_what, body, count) => {
    const { target, asked } = await setup((_request, response) => {
      response.end(JSON.stringify(body()));
    });
    expect(await fetchReportsTo(target, WINDOW)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(count);
  });

  it('learned nothing when a later page fails', async () => {
    const { target } = await setup((_request, response, query) => {
      if (query.has('cursor')) response.writeHead(429, { 'retry-after': '3' }).end();
      else response.end(JSON.stringify({ records: [RECORD], cursor: 'one', iv: 'iv' }));
    });
    const throttled = { ok: false, reason: 'throttled', retryAfterMs: 3_000 };
    expect(await fetchReportsTo(target, WINDOW)).toMatchObject(throttled);
  });
});

describe('a record', () => {
  it('a record becomes a receipt', async () => {
    expect(await receiptsFrom([RECORD])).toEqual([
      {
        receivedAt: NOW,
        gatewayId: RECORD.message_id,
        clientRef: RECORD.client_ref,
        recipient: '447700900000',
        apiKey: 'abcd1234',
        status: 'delivered',
        code: 0,
        price: 0.0333,
        network: '23410',
        digest: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        raw: JSON.stringify({ ...RECORD, source: 'reports' }),
      },
    ]);
  });

  it('a record has the words of receipts, and numbers in either form', async () => {
    const odd = {
      message_id: 'a',
      status: ' SUBMITTED ',
      error_code: 6,
      total_price: 0.1,
      to: 447700900000,
    };
    const [receipt] = await receiptsFrom([odd]);
    const expected = { status: 'buffered', code: 6, price: 0.1, recipient: '447700900000' };
    expect(receipt).toMatchObject(expected);
  });

  it('a record tells null where it tells nothing, or nothing that can be understood', async () => {
    const odd = {
      message_id: 'a',
      client_ref: '',
      to: 'nobody',
      account_id: null,
      status: {},
      error_code: 'ok',
      total_price: '-1',
      network: ['23410'],
    };
    const nothing = { clientRef: null, recipient: null, apiKey: null, status: null };
    for (const record of [odd, { message_id: 'a' }]) {
      const [receipt] = await receiptsFrom([record]);
      expect(receipt).toMatchObject({ ...nothing, code: null, price: null, network: null });
    }
  });

  it('a record is kept as it came, but for its text', async () => {
    const [receipt] = await receiptsFrom([{ ...RECORD, extra: [1], message_body: 'private' }]);
    expect(JSON.parse(receipt?.raw ?? '')).toEqual({ ...RECORD, extra: [1], source: 'reports' });
  });

  it('a record is left out when nobody can tell whose it is, or it is no record', async () => {
    const nobodys = [
      { ...RECORD, message_id: '', client_ref: undefined },
      null,
      'text',
      [RECORD],
      7,
    ];
    const huge = { ...RECORD, extra: 'x'.repeat(17_000) };
    const far = { message_id: 'x'.repeat(300) };
    expect(await receiptsFrom([...nobodys, huge, far, RECORD])).toHaveLength(1);
  });

  it('a record has the same digest as another only when both say the same of one part', async () => {
    const same = [RECORD, { ...RECORD, latency: '1', status: 'DELIVRD' }];
    const others = [
      { ...RECORD, message_id: 'b' },
      { ...RECORD, status: 'failed' },
      { ...RECORD, error_code: '1' },
      { ...RECORD, message_id: undefined },
      { ...RECORD, message_id: undefined, client_ref: 'other' },
    ];
    const digests = (await receiptsFrom([...same, ...others])).map(({ digest }) => digest);
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(1 + others.length);
  });
});

describe('an answer that brings nothing', () => {
  it.each([
    [401, 'wrong-credentials'],
    [403, 'wrong-credentials'],
    [429, 'throttled'],
    [422, 'refused'],
    [404, 'refused'],
    [302, 'refused'],
    [408, 'unreachable'],
    [500, 'unreachable'],
    [503, 'unreachable'],
  ])('an answer that brings nothing of HTTP %i is %s', async (status, reason) => {
    const problem = { title: 'secret words of the peer', detail: '447700900000' };
    const { target } = await setup(answering(problem, status, { 'retry-after': '7' }));
    expect(await fetchReportsTo(target, WINDOW)).toEqual({
      ok: false,
      reason,
      retryAfterMs: 7_000,
      detail: `reports: HTTP ${status}`,
    });
  });

  it.each([undefined, 'soon', '-1', '1.5', '9'.repeat(40)])(
    'an answer that brings nothing asks for no wait with Retry-After %s',
    async (value) => {
      const { target } = await setup(
        answering('', 429, value === undefined ? {} : { 'retry-after': value }),
      );
      expect(await fetchReportsTo(target, WINDOW)).toMatchObject({ retryAfterMs: null });
    },
  );

  it.each(['', '<html>', 'null', '[]', '{}', '{"records":{}}', '{"records":[', '"records"'])(
    'an answer that brings nothing is unreachable when it is %s',
    async (body) => {
      const { target } = await setup(answering(body));
      expect(await fetchReportsTo(target, WINDOW)).toMatchObject({
        ok: false,
        reason: 'unreachable',
        detail: 'reports: the answer holds no records',
      });
    },
  );

  it('an answer that brings nothing is one that is too long, does not end in time, or is cut off', async () => {
    const long = await setup(answering({ records: ['x'.repeat(4_300_000)] }));
    const endless = await setup((_request, response) => void response.write('{"records":['), {
      timeoutMs: 100,
    });
    const cut = await setup((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"records":[', () => request.socket.destroy());
    });
    const details = [];
    for (const { target } of [long, endless, cut]) {
      const answer = await fetchReportsTo(target, WINDOW);
      expect(answer).toMatchObject({ ok: false, reason: 'unreachable', retryAfterMs: null });
      details.push(!answer.ok && answer.detail);
    }
    expect(details).toEqual([
      'reports: the answer is too long',
      'reports: no whole answer in time',
      'reports: the connection was closed',
    ]);
  });

  it('an answer that brings nothing is none when nobody listens', async () => {
    const { target } = await setup(answering({}));
    const nowhere = { ...target, baseUrl: 'http://127.0.0.1:1' };
    expect(await fetchReportsTo(nowhere, WINDOW)).toMatchObject({ reason: 'unreachable' });
  });

  it('an answer that brings nothing is not followed elsewhere', async () => {
    const { target, asked } = await setup(answering('', 302, { location: '/elsewhere' }));
    await fetchReportsTo(target, WINDOW);
    expect(asked).toHaveLength(1);
  });

  it('an answer that brings nothing is none where there is no secret: nothing is asked', async () => {
    const { target, asked } = await setup(answering({ records: [] }), { apiSecret: null });
    const answer = await fetchReportsByIds(target, ['a']);
    expect(answer).toMatchObject({ ok: false, reason: 'no-credentials', retryAfterMs: null });
    expect(asked).toEqual([]);
  });
});

describe('whatever the peer answers', () => {
  const field = fc.oneof(fc.string(), fc.double(), fc.constant(null), fc.jsonValue());
  const names = [
    'message_id',
    'client_ref',
    'to',
    'status',
    'error_code',
    'total_price',
    '__proto__',
  ];
  const record = fc.dictionary(fc.constantFrom(...names), field).map((fields) => fields as unknown);
  const body = fc.oneof(
    fc
      .record({ records: fc.array(fc.oneof(record, fc.jsonValue())) })
      .map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );

  it('a value comes of it, and receipts that hold what their columns take', async () => {
    let next = '';
    const { target } = await setup((_request, response) => void response.end(next));
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        next = text;
        const answer: ReportAnswer = await fetchReportsTo(target, WINDOW);
        if (!answer.ok) expect(answer.reason).toBe('unreachable');
        else
          for (const receipt of answer.receipts) {
            expect(receipt.gatewayId ?? receipt.clientRef).toMatch(/\S/);
            expect(receipt.recipient ?? '0').toMatch(/^\d+$/);
            expect(Number.isInteger(receipt.code ?? 0)).toBe(true);
            expect(receipt.price ?? 0).toBeGreaterThanOrEqual(0);
            expect(JSON.parse(receipt.raw)).toMatchObject({ source: 'reports' });
          }
      }),
      { numRuns: 200 },
    );
  });
});
