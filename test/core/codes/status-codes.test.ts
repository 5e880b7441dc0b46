import { expect, test } from 'vitest';
import { RECEIPT_CODES } from '../../../src/core/codes/receipt-codes.ts';
import { reasonOf, STATUS_CODES } from '../../../src/core/codes/status-codes.ts';

const LISTED = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 29, 32, 33, 34,
];
const RECEIPT_LISTED = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 50, 51, 52, 53, 54, 95, 99,
];

test('every published code is listed once, in order', () => {
  expect(STATUS_CODES.map(({ code }) => code)).toEqual(LISTED);
  expect(RECEIPT_CODES.map(({ code }) => code)).toEqual(RECEIPT_LISTED);
});

test.each([
  ['status codes', STATUS_CODES],
  ['receipt codes', RECEIPT_CODES],
])('%s have distinct kebab-case names and whole sentences', (_, codes) => {
  expect(new Set(codes.map(({ name }) => name)).size).toBe(codes.length);
  for (const { name, meaning, remedy } of codes) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(remedy).toMatch(/^[A-Z].*\.$/);
  }
});

test('a code nobody listed has its number in the reason, and none has none', () => {
  expect(reasonOf(9)).toBe('quota-exceeded');
  expect(reasonOf(21)).toBe('unknown-code-21');
  expect(reasonOf(null)).toBe('unknown-code');
});
