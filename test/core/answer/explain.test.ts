import { expect, test } from 'vitest';
import { classify } from '../../../src/core/answer/classify.ts';
import {
  explainCode,
  explainCodes,
  explainHttp,
  explainReceiptCode,
} from '../../../src/core/answer/explain.ts';
import { CODE_RULES, HTTP_RULES } from '../../../src/core/answer/classification-rules.ts';
import { STATUS_CODES } from '../../../src/core/codes/status-codes.ts';
import type { Route } from '../../../src/core/answer/verdict.ts';

const NONE: ReadonlyMap<number, Route> = new Map();

test('every listed code has a rule, and every rule a listed code', () => {
  const listed = STATUS_CODES.map(({ code }) => code);
  expect([...CODE_RULES.keys()].sort((a, b) => a - b)).toEqual(listed);
});

test('a row says of a code what the classifier does with it', () => {
  for (const row of explainCodes(NONE)) {
    const absent = { gatewayId: null, price: null, network: null, errorText: null, balance: null };
    const parts = [{ ...absent, status: row.code }];
    const found = classify(
      { kind: 'answered', httpStatus: 200, parts, retryAfterMs: null, traceId: null },
      NONE,
    );
    expect([row.code, row.route, row.name]).toEqual([row.code, found.route, found.reason]);
    expect(row.scope).toContain(found.scope);
    expect(row.follows.includes('suspended and probed')).toBe(
      found.acts.some(({ kind }) => kind === 'suspend'),
    );
    if (found.streak !== null) expect(row.follows).toContain(`from ${found.streak.limit} `);
  }
});

test('a row says of an HTTP status what the classifier does with it', () => {
  for (const [index, row] of explainHttp().entries()) {
    const httpStatus = HTTP_RULES[index]!.from;
    const none = { errorText: null, retryAfterMs: null, traceId: null };
    const found = classify({ kind: 'http', httpStatus, ...none }, NONE);
    expect([row.label, row.route, row.scope]).toEqual([row.label, found.route, found.scope]);
  }
});

test('the throttle code says that the text decides', () => {
  expect(explainCode(1, NONE)).toMatchObject({ route: 'retry', scope: 'sender or account' });
});

test('an unknown code is explained as one', () => {
  expect(explainCode(77, NONE)).toMatchObject({
    code: 77,
    name: 'unknown-code-77',
    route: 'retry',
    scope: 'message',
  });
  expect(explainCode(77, NONE).follows).toContain('at most 3 attempts');
});

test('an override shows in its row', () => {
  const row = explainCode(9, new Map([[9, 'permanent-failure']]));
  expect(row).toMatchObject({ name: 'quota-exceeded', route: 'permanent-failure' });
  expect(row.follows).not.toContain('suspended');
});

test('a receipt code is not taken for a gateway code of the same number', () => {
  expect(explainReceiptCode(1).name).toBe('unknown-error');
  expect(explainReceiptCode(4).name).toBe('call-barred-by-user');
  expect(explainReceiptCode(29).name).toBe('unknown-code-29');
  expect(explainReceiptCode(77).name).toBe('unknown-code-77');
});
