import { expect, it } from 'vitest';
import {
  RECEIPT_CODES,
  suppressionOf,
  suppressionOfReceipt,
} from '../../src/core/codes/receipt-codes.ts';
import { STATUS_CODES } from '../../src/core/codes/status-codes.ts';

const CODES = [...Array(120).keys(), -1, 400, 999, 1e9];
const LISTED = [...STATUS_CODES, ...RECEIPT_CODES].map(({ code }) => code);

it('an answer suppresses a recipient that is barred or no longer in service, and no other', () => {
  const suppressing = [...CODES, ...LISTED].filter((code) => suppressionOf(code) !== null);
  expect([...new Set(suppressing)]).toEqual([7, 33]);
  expect(suppressionOf(7)).toBe('number-barred');
  expect(suppressionOf(33)).toBe('number-deactivated');
});

it('a receipt suppresses a recipient that is gone, blocks us or asked us to stop, and no other', () => {
  const suppressing = [...CODES, ...LISTED].filter((code) => suppressionOfReceipt(code) !== null);
  expect([...new Set(suppressing)]).toEqual([3, 4, 9]);
  expect(suppressionOfReceipt(3)).toBe('absent-subscriber-permanent');
  expect(suppressionOfReceipt(4)).toBe('call-barred-by-user');
  expect(suppressionOfReceipt(9)).toBe('illegal-number');
});

it('without a code nobody is suppressed', () => {
  expect([suppressionOf(null), suppressionOfReceipt(null)]).toEqual([null, null]);
});
