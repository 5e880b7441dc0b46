import type { RareCause } from '../../../src/core/codes/reasons.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify } from '../../../src/core/answer/classify.ts';
import type { AnswerPart, Observation } from '../../../src/core/answer/observation.ts';
import type { Route, Verdict } from '../../../src/core/answer/verdict.ts';

const NONE: ReadonlyMap<number, Route> = new Map();
const SUSPENDING = [4, 8, 9, 11, 14, 23, 32];

type Given = number | null | readonly [status: number | null, errorText: string];

function part(given: Given): AnswerPart {
  const [status, errorText] = given instanceof Array ? given : [given, null];
  const absent = { gatewayId: null, price: null, network: null, balance: null };
  return { ...absent, status, errorText };
}

function answered(...given: Given[]): Observation {
  const parts = given.map(part);
  return { kind: 'answered', httpStatus: 200, parts, retryAfterMs: null, traceId: null };
}

function http(httpStatus: number, retryAfterMs: number | null = null): Observation {
  return { kind: 'http', httpStatus, errorText: 'label', retryAfterMs, traceId: null };
}

const verdict = (observation: Observation, overrides = NONE): Verdict =>
  classify(observation, overrides);
const kinds = ({ acts }: Verdict): readonly string[] => acts.map(({ kind }) => kind);

describe('accepted', () => {
  test('every part 0: the receipt decides', () => {
    expect(verdict(answered(0, 0))).toEqual({
      route: 'await-receipt',
      scope: 'message',
      reason: 'accepted',
      status: 0,
      errorText: null,
      acts: [],
      streak: null,
      maxAttempts: null,
      mayDouble: false,
    });
  });

  test('some parts 0: never sent again, and the refused part acts on its lane', () => {
    const text = 'Throughput Rate Exceeded - please wait [ 250 ] and retry';
    const wait = { kind: 'wait', scope: 'sender', waitMs: 250, limit: null, intervalMs: null };
    expect(verdict(answered(0, [1, text]))).toMatchObject({
      route: 'await-receipt',
      scope: 'message',
      reason: 'accepted-in-part',
      status: 1,
      errorText: text,
      acts: [wait],
      streak: null,
    });
    const suspend = { kind: 'suspend', reason: 'quota-exceeded' };
    expect(verdict(answered(9, 0, [1, text]))).toMatchObject({
      reason: 'accepted-in-part',
      status: 9,
      acts: [suspend, wait],
    });
    expect(verdict(answered(0, 15))).toMatchObject({ status: 15, acts: [], streak: null });
    expect(verdict(answered(0, null))).toMatchObject({ reason: 'accepted-in-part', status: null });
  });
});

describe('none accepted', () => {
  test.each([
    [[1, 7], 7],
    [[7, 9], 7],
    [[5, 9], 9],
    [[1, 10, 5], 5],
    [[10, 4], 4],
    [[1, 77], 77],
    [[5, 3, 9, 1], 3],
  ])('none accepted of %j the worst is %i', (statuses, worst) => {
    expect(verdict(answered(...statuses)).status).toBe(worst);
    expect(verdict(answered(...statuses.toReversed())).status).toBe(worst);
  });

  test('what any part asks of a lane is asked once', () => {
    const both = verdict(answered(7, 9, 9, 10, 10));
    expect(both).toMatchObject({ route: 'permanent-failure', reason: 'number-barred' });
    expect(kinds(both)).toEqual(['suspend', 'narrow']);
  });

  test('none accepted of several waits of one scope the longest holds', () => {
    const texts = ['please wait [ 250 ] and retry', 'please wait [ 700 ] and retry', 'Throttled'];
    expect(verdict(answered(...texts.map((text) => [1, text] as const))).acts).toEqual([
      { kind: 'wait', scope: 'sender', waitMs: 700, limit: null, intervalMs: null },
      { kind: 'wait', scope: 'account', waitMs: null, limit: null, intervalMs: null },
    ]);
  });

  test('a part that may have been taken makes the whole message one that may double', () => {
    expect(verdict(answered(5, 9)).mayDouble).toBe(true);
    expect(verdict(answered(1, 9)).mayDouble).toBe(false);
  });
});

describe('throttled', () => {
  test('throttled by the sender: the sender waits, and the message keeps its attempts', () => {
    expect(verdict(answered([1, 'x - please wait [ 250 ] and retry']))).toMatchObject({
      route: 'retry',
      scope: 'sender',
      reason: 'throttled',
      acts: [{ kind: 'wait', scope: 'sender', waitMs: 250, limit: null, intervalMs: null }],
      mayDouble: false,
    });
    expect(verdict(answered([1, 'x - please wait and retry'])).acts).toEqual([
      { kind: 'wait', scope: 'sender', waitMs: 1000, limit: null, intervalMs: null },
    ]);
  });

  test('throttled by the account: the account waits for the next window and learns its limit', () => {
    const text =
      'Exceeded maximum MT throughput[ MAX [ 30 ] INTERVAL [ 1000 ] COUNT [ 30 ] ' +
      'LAST INT-START [ 1484306022354 ] TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ]';
    expect(verdict(answered([1, text]))).toMatchObject({
      route: 'retry',
      scope: 'account',
      acts: [{ kind: 'wait', scope: 'account', waitMs: 471, limit: 30, intervalMs: 1_000 }],
    });
  });

  test.each([
    ['another text', answered([1, 'Throttled']), 'throttled', null],
    ['no text', answered(1), 'throttled', null],
  ])('throttled by %s: the account waits', (_, observation, reason, waitMs) => {
    expect(verdict(observation)).toMatchObject({
      route: 'retry',
      scope: 'account',
      reason,
      acts: [{ kind: 'wait', scope: 'account', waitMs, limit: null, intervalMs: null }],
    });
  });

  test.each([null, 4000])(
    'throttled by HTTP 429, Retry-After %s: the account waits, and fewer are open',
    (ms) => {
      expect(verdict(http(429, ms))).toMatchObject({
        route: 'retry',
        scope: 'account',
        reason: 'http-429',
        acts: [{ kind: 'wait', scope: 'account', waitMs: ms, limit: null }, { kind: 'narrow' }],
      });
    },
  );

  test('throttled by connections: fewer requests are open', () => {
    expect(verdict(answered(10))).toMatchObject({ route: 'retry', scope: 'account' });
    expect(verdict(answered(10)).acts).toEqual([{ kind: 'narrow' }]);
  });
});

test.each([5, 13])('%i is tried again, may double, and in a run is the account’s', (status) => {
  expect(verdict(answered(status))).toMatchObject({
    route: 'retry',
    scope: 'message',
    status,
    acts: [],
    streak: { scope: 'account', limit: 5 },
    maxAttempts: null,
    mayDouble: true,
  });
});

test.each(SUSPENDING)('%i suspends the account and keeps the message', (status) => {
  const { reason, ...rest } = verdict(answered(status));
  expect(rest).toMatchObject({ route: 'retry', scope: 'account', streak: null, mayDouble: false });
  expect(rest.acts).toEqual([{ kind: 'suspend', reason }]);
});

test.each([301, 302, 401, 403, 404])('HTTP %i suspends the account', (status) => {
  expect(verdict(http(status))).toMatchObject({
    route: 'retry',
    scope: 'account',
    reason: `http-${status}`,
    status: null,
    errorText: 'label',
    acts: [{ kind: 'suspend', reason: `http-${status}` }],
  });
});

describe('refused for good', () => {
  test.each([
    [2, 'missing-parameter', 'account'],
    [3, 'invalid-parameter', 'account'],
    [6, 'invalid-message', null],
    [7, 'number-barred', null],
    [12, 'message-too-long', null],
    [15, 'invalid-sender', 'sender'],
    [16, 'invalid-ttl', 'account'],
    [17, 'blocked-by-provider', null],
    [18, 'too-many-destinations', null],
    [19, 'facility-not-allowed', 'account'],
    [20, 'invalid-message-class', 'account'],
    [22, 'invalid-network-code', 'account'],
    [29, 'not-whitelisted', 'account'],
    [33, 'number-deactivated', null],
    [34, 'invalid-recipient', null],
  ])('%i is %s; a run of it is the trouble of: %s', (status, reason, scope) => {
    expect(verdict(answered([status, 'why']))).toEqual({
      route: 'permanent-failure',
      scope: 'message',
      reason,
      status,
      errorText: 'why',
      acts: [],
      streak: scope === null ? null : { kind: 'run', scope, limit: 10 },
      maxAttempts: null,
      mayDouble: false,
    });
  });
});

test.each([21, 24, 31, 35, 99, 101])('%i, which nobody listed, is tried three times', (status) => {
  expect(verdict(answered(status))).toMatchObject({
    route: 'retry',
    scope: 'message',
    reason: `unknown-code-${status}`,
    status,
    acts: [],
    streak: { kind: 'run', scope: 'account', limit: 10 },
    maxAttempts: 3,
    mayDouble: false,
  });
});

test('a part without a readable status may have been accepted: its message is uncertain', () => {
  expect(verdict(answered(null))).toMatchObject({
    route: 'uncertain',
    reason: 'unreadable-answer',
    status: null,
    streak: { kind: 'unreadable', scope: 'account', limit: 5 },
    mayDouble: true,
  });
});

describe('an element with a message id is never retried', () => {
  const withMark = (status: number | null, mark: Partial<AnswerPart>): Observation => {
    const absent = { gatewayId: null, price: null, network: null, errorText: null, balance: null };
    const parts = [{ ...absent, status, ...mark }];
    return { kind: 'answered', httpStatus: 200, parts, retryAfterMs: null, traceId: null };
  };
  const codes = [null, 1, 4, 5, 8, 9, 10, 11, 13, 14, 21, 23, 32, 99];
  const marks = [{ gatewayId: 'id-1' }, { gatewayId: 'id-1', price: 0.05 }];
  const overrides = new Map<number, Route>([[1, 'retry']]);

  test.each(codes.flatMap((code) => marks.map((mark) => [code, mark] as const)))(
    'an element with a message id is never retried with code %s and %o',
    (code, mark) => {
      const found = classify(withMark(code, mark), overrides);
      expect(found).toMatchObject({ route: 'uncertain', scope: 'message', mayDouble: true });
      expect(found.acts).toEqual(classify(withMark(code, {}), overrides).acts);
    },
  );

  test('but a price proves nothing: code 9 names one', () => {
    expect(classify(withMark(9, { price: 0.05 }), overrides).route).toBe('retry');
  });

  test.each([2, 6, 29])('but code %d with an id stays refused', (code) => {
    expect(classify(withMark(code, { gatewayId: 'id-1' }), overrides).route).toBe(
      'permanent-failure',
    );
  });

  test('an element with a message id is never retried and beside an accepted part the message is accepted in part', () => {
    expect(verdict(answered(0, null))).toMatchObject({ reason: 'accepted-in-part' });
  });
});

test.each([400, 402, 405, 410, 413, 422, 499])('HTTP %i is tried three times', (status) => {
  expect(verdict(http(status))).toMatchObject({
    route: 'retry',
    scope: 'message',
    reason: `http-${status}`,
    acts: [],
    streak: { kind: 'run', scope: 'account', limit: 10 },
    maxAttempts: 3,
    mayDouble: false,
  });
});

describe('unanswered', () => {
  test.each([
    [http(408), 'http-408'],
    [http(500), 'http-500'],
    [http(503, 5000), 'http-503'],
    [http(599), 'http-599'],
    [http(700), 'http-700'],
    [http(200), 'unreadable-answer'],
    [http(204), 'unreadable-answer'],
    [answered(), 'unreadable-answer'],
    [
      { kind: 'unanswered', cause: 'connection-closed', httpStatus: 401, traceId: null } as const,
      'connection-closed',
    ],
  ])('%j is uncertain: %s', (observation, reason) => {
    expect(verdict(observation)).toMatchObject({
      route: 'uncertain',
      scope: 'message',
      reason,
      status: null,
      acts: reason === 'unreadable-answer' ? [] : [{ kind: 'unanswered', left: true }],
      maxAttempts: null,
      mayDouble: true,
    });
  });

  test('unanswered in time is uncertain, and fewer are open', () => {
    const late = { kind: 'unanswered', cause: 'timeout', httpStatus: null, traceId: null } as const;
    expect(verdict(late)).toMatchObject({
      route: 'uncertain',
      reason: 'timeout',
      acts: [{ kind: 'unanswered', left: true }, { kind: 'narrow' }],
    });
  });

  test('what never left is the account’s trouble and surely unsent', () => {
    expect(verdict({ kind: 'never-left', cause: 'host-not-found' })).toMatchObject({
      route: 'retry',
      scope: 'account',
      reason: 'host-not-found',
      acts: [{ kind: 'unanswered', left: false }],
      mayDouble: false,
    });
  });
});

describe('an override', () => {
  const over = (status: number, route: Route, ...given: Given[]): Verdict =>
    verdict(answered(...given), new Map([[status, route]]));

  test('an override of a refusal to retry is the message’s own retry, as often as configured', () => {
    expect(over(29, 'retry', 29)).toMatchObject({
      route: 'retry',
      scope: 'message',
      reason: 'not-whitelisted',
      acts: [],
      streak: null,
      maxAttempts: null,
    });
  });

  test.each(SUSPENDING)(
    'an override of %i, which suspends, no longer suspends, whatever the route',
    (status) => {
      for (const route of ['retry', 'permanent-failure', 'uncertain', 'await-receipt'] as const) {
        expect(over(status, route, status)).toMatchObject({ route, scope: 'message', acts: [] });
      }
    },
  );

  test('an override to uncertain may double', () => {
    expect(over(5, 'uncertain', 5)).toMatchObject({ route: 'uncertain', mayDouble: true });
    expect(over(7, 'uncertain', 7)).toMatchObject({ route: 'uncertain', mayDouble: true });
  });

  test('an override of a throttle keeps the wait of the lane', () => {
    const given = [1, 'please wait [ 9 ] and retry'] as const;
    expect(over(1, 'permanent-failure', given)).toMatchObject({
      route: 'permanent-failure',
      scope: 'message',
      acts: [{ kind: 'wait', scope: 'sender', waitMs: 9 }],
    });
    expect(over(1, 'retry', given)).toEqual(verdict(answered(given)));
  });

  test('an override of an unknown code makes it known', () => {
    const given = over(99, 'permanent-failure', 99);
    expect(given).toMatchObject({ route: 'permanent-failure', reason: 'unknown-code-99' });
    expect(given).toMatchObject({ streak: null, maxAttempts: null });
  });

  test('an override to await-receipt counts as accepted, under its own name', () => {
    expect(over(17, 'await-receipt', 17, 0)).toMatchObject({
      route: 'await-receipt',
      reason: 'blocked-by-provider',
      status: 17,
    });
    expect(over(17, 'await-receipt', 17, 7).reason).toBe('accepted-in-part');
  });

  test('an override of 0 is not heard: what was accepted is never sent again', () => {
    expect(over(0, 'retry', 0)).toEqual(verdict(answered(0)));
    expect(over(0, 'retry', 0, 7).route).toBe('await-receipt');
  });

  test('an override of another code changes nothing', () => {
    expect(over(29, 'retry', 7)).toEqual(verdict(answered(7)));
  });
});

describe('for any observation', () => {
  const ROUTES = ['await-receipt', 'retry', 'permanent-failure', 'uncertain'] as const;
  const status = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.nat());
  const text = fc.oneof(
    fc.string(),
    fc.nat().map((n) => `please wait [ ${n} ] and retry`),
  );
  const givenPart = fc.tuple(fc.option(status), text);
  const wait = fc.option(fc.nat());
  const httpStatus = fc.oneof(fc.integer({ min: 100, max: 600 }), fc.integer());
  const rareCause = fc.string().map((word) => word as RareCause);
  const observation: fc.Arbitrary<Observation> = fc.oneof(
    fc.array(givenPart, { maxLength: 6 }).map((given) => answered(...given)),
    fc.tuple(httpStatus, wait).map((given) => http(...given)),
    fc.record({
      kind: fc.constant('unanswered' as const),
      cause: rareCause,
      httpStatus: fc.option(httpStatus),
      traceId: fc.constant(null),
    }),
    fc.record({ kind: fc.constant('never-left' as const), cause: rareCause }),
  );
  const overrides = fc
    .array(fc.tuple(status, fc.constantFrom(...ROUTES)), { maxLength: 5 })
    .map((entries) => new Map(entries));

  test('there is one verdict, with one of the four routes and a reason', () => {
    fc.assert(
      fc.property(observation, overrides, (given, over) => {
        const found = classify(given, over);
        expect(ROUTES).toContain(found.route);
        expect(['message', 'sender', 'account']).toContain(found.scope);
        if (given.kind === 'answered') expect(found.reason).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
        if (found.route !== 'retry') expect(found.scope).toBe('message');
        expect(new Set(found.acts.map((act) => JSON.stringify(act))).size).toBe(found.acts.length);
      }),
      { numRuns: 500 },
    );
  });

  test('a message with an accepted part is never retried, failed or uncertain', () => {
    const some = fc.array(givenPart, { maxLength: 5 });
    fc.assert(
      fc.property(some, some, overrides, (before, after, over) => {
        const given = answered(...before, 0, ...after);
        expect(classify(given, over)).toMatchObject({ route: 'await-receipt', streak: null });
      }),
    );
  });
});
