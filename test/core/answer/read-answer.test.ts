import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerPart } from '../../../src/core/answer/observation.ts';
import type { RawAnswer } from '../../../src/core/answer/read-answer.ts';
import { readAnswer } from '../../../src/core/answer/read-answer.ts';

const BARE = { httpStatus: 200, retryAfter: null, traceId: null, now: 1_800_000_000 } as const;

const NOTHING: AnswerPart = {
  status: null,
  gatewayId: null,
  price: null,
  network: null,
  errorText: null,
  balance: null,
};

function read(body: unknown, rest: Partial<RawAnswer> = {}) {
  return readAnswer({ ...BARE, body: JSON.stringify(body), ...rest });
}

function partsOf(body: unknown, rest: Partial<RawAnswer> = {}): readonly AnswerPart[] {
  const observation = read(body, rest);
  if (observation.kind !== 'answered') throw new Error(`not answered: ${observation.kind}`);
  return observation.parts;
}

describe('an answer with messages', () => {
  test('an answer with messages is read as the gateway documents it, all strings', () => {
    const body = {
      'message-count': '1',
      messages: [
        {
          to: '447700900000',
          'message-id': '0C000000217B7F02',
          status: '0',
          'remaining-balance': '15.53590000',
          'message-price': '0.03330000',
          network: '23410',
          'client-ref': '41-1-x',
        },
      ],
    };
    expect(read(body, { traceId: 'abc' })).toEqual({
      kind: 'answered',
      httpStatus: 200,
      parts: [
        {
          status: 0,
          gatewayId: '0C000000217B7F02',
          price: 0.0333,
          network: '23410',
          errorText: null,
          balance: 15.5359,
        },
      ],
      retryAfterMs: null,
      traceId: 'abc',
    });
  });

  test('an answer with messages is read the same when it carries numbers instead of strings', () => {
    const asStrings = {
      'message-count': '1',
      messages: [
        { status: '9', 'message-price': '0.03', 'remaining-balance': '0.1', network: '310004' },
      ],
    };
    const asNumbers = {
      'message-count': 1,
      messages: [{ status: 9, 'message-price': 0.03, 'remaining-balance': 0.1, network: 310004 }],
    };
    expect(read(asNumbers)).toEqual(read(asStrings));
    expect(partsOf(asNumbers)[0]?.status).toBe(9);
  });

  test('an answer with messages counts every element, also one that cannot be read', () => {
    const elements = [
      { status: '0' },
      { status: '1', 'error-text': 'Throttled' },
      null,
      7,
      'x',
      [],
    ];
    const body = { 'message-count': '2', messages: elements };
    expect(partsOf(body).map(({ status }) => status)).toEqual([0, 1, null, null, null, null]);
    const errorText = expect.stringContaining('the answer begins with') as string;
    expect(partsOf(body)[2]).toEqual({ ...NOTHING, errorText });
  });

  test.each(['', ' ', 'x', '0x0', '-1', '1.5', '1e0', null, true, false, [], {}, -1, 0.5, 1e300])(
    'an answer with messages takes %j for no status, never for 0',
    (status) => {
      expect(partsOf({ messages: [{ status }] })[0]?.status).toBeNull();
    },
  );

  test.each([
    ['0', 0],
    [' 0 ', 0],
    ['00', 0],
    [0, 0],
    ['29', 29],
    [999, 999],
  ])('an answer with messages takes %j for the status %i', (status, expected) => {
    expect(partsOf({ messages: [{ status }] })[0]?.status).toBe(expected);
  });

  test.each(['', 'free', '0,03', 'Infinity', null, {}])(
    'an answer with messages takes %j for no price',
    (price) => {
      expect(partsOf({ messages: [{ status: '0', 'message-price': price }] })[0]?.price).toBeNull();
    },
  );

  test('an answer with messages is believed before the HTTP status', () => {
    const body = { messages: [{ status: '0', 'message-id': 'a' }] };
    expect(read(body, { httpStatus: 500 }).kind).toBe('answered');
  });

  test('an answer with messages has its error text cut at 500 characters and freed of what would spoil a log', () => {
    const text = ` bad\u0000\r\nvalue\u001b[31m\u202e${'x'.repeat(600)}`;
    const errorText = partsOf({ messages: [{ status: '3', 'error-text': text }] })[0]?.errorText;
    expect(errorText).toMatch(/^bad value \[31m xxx/);
    expect(errorText).toHaveLength(500);
  });

  test('an answer with messages never has half a character at the end of its error text', () => {
    const text = `${'x'.repeat(499)}😀`;
    const errorText = partsOf({ messages: [{ status: '3', 'error-text': text }] })[0]?.errorText;
    expect(errorText?.isWellFormed()).toBe(true);
  });
});

describe('an answer without readable messages', () => {
  test.each([
    ['', 'an empty body'],
    ['<html><body>504 Gateway Time-out</body></html>', 'HTML'],
    ['{"messages":[{"status":"0"', 'a cut body'],
    ['null', 'null'],
    ['"messages"', 'a string'],
    ['[{"messages":[{"status":"0"}]}]', 'an array'],
    ['{}', 'no messages'],
    ['{"messages":null}', 'null messages'],
    ['{"messages":[]}', 'empty messages'],
    ['{"messages":{"0":{"status":"0"}}}', 'messages that are no array'],
    ['{"__proto__":{"messages":[{"status":"0"}]}}', 'messages by inheritance'],
  ])('%s is an HTTP answer without a label (%s)', (body) => {
    expect(readAnswer({ ...BARE, httpStatus: 503, body })).toEqual({
      kind: 'http',
      httpStatus: 503,
      errorText: null,
      retryAfterMs: null,
      traceId: null,
    });
  });

  test.each([
    [{ 'error-code': '401', 'error-code-label': 'authentication failed' }, 'authentication failed'],
    [{ type: 'https://…', title: 'Unauthorized', detail: 'Bad key' }, 'Unauthorized'],
    [{ detail: 'Bad\nkey' }, 'Bad key'],
    [{ title: '', detail: 'Bad key' }, 'Bad key'],
    [{ title: 'y'.repeat(300) }, 'y'.repeat(200)],
  ])('an answer without readable messages keeps the label of %j', (body, label) => {
    expect(read(body, { httpStatus: 401 })).toMatchObject({ kind: 'http', errorText: label });
  });
});

describe('Retry-After', () => {
  const wait = (retryAfter: string | null) => read({}, { httpStatus: 429, retryAfter });

  test.each([
    [null, null],
    ['0', 0],
    ['7', 7000],
    [' 7 ', 7000],
    ['-1', null],
    ['soon', null],
    ['', null],
    ['1.5', null],
    ['999999999999999', Number.MAX_SAFE_INTEGER],
    ['9'.repeat(400), null],
    ['Fri, 15 Jan 2027 08:00:30 GMT', 30_000],
    ['Fri, 15 Jan 2027 07:00:00 GMT', 0],
    ['Fri, 99 Jan 2027 08:00:30 GMT', null],
    ['2027-01-15', null],
  ])('%j means %j ms', (header, expected) => {
    expect(wait(header)).toMatchObject({ retryAfterMs: expected });
  });

  test('Retry-After is read with fractions of a second, and rounded up', () => {
    const header = 'Fri, 15 Jan 2027 08:00:01 GMT';
    const observation = read({}, { retryAfter: header, now: 1_800_000_000.2501 });
    expect(observation).toMatchObject({ retryAfterMs: 750 });
  });
});

test('no body and no header makes it throw', () => {
  const json = fc.json({ maxDepth: 4 });
  const answer = fc.record({
    messages: fc.array(
      fc.dictionary(fc.constantFrom('status', 'error-text', 'message-price'), fc.jsonValue()),
    ),
  });
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    json,
    answer.map((value) => JSON.stringify(value)),
    answer.map((value) => JSON.stringify(value).slice(0, -3)),
  );
  const retryAfter = fc.option(fc.string());
  fc.assert(
    fc.property(body, retryAfter, fc.integer(), (text, header, httpStatus) => {
      const observation = readAnswer({ ...BARE, body: text, retryAfter: header, httpStatus });
      expect(['answered', 'http']).toContain(observation.kind);
      if (observation.kind === 'answered') expect(observation.parts.length).toBeGreaterThan(0);
    }),
  );
});
