/** Each reason that a message can have is explained, with a remedy. The compiler refuses a reason without words. */
import { describe, expect, it } from 'vitest';
import { CAUSES } from '../../../src/gateway/failure-causes.ts';
import { HTTP_RULES } from '../../../src/core/answer/classification-rules.ts';
import { RECEIPT_CODES } from '../../../src/core/codes/receipt-codes.ts';
import { fateOf, RECEIPT_STATUSES } from '../../../src/core/receipt/receipt.ts';
import { explainReason, REASONS } from '../../../src/core/codes/reasons.ts';
import { STATUS_CODES } from '../../../src/core/codes/status-codes.ts';

describe('the reason of a message', () => {
  it('the reason of a message is known and explained for every failure of a connection and every word of a receipt', () => {
    const failed = RECEIPT_STATUSES.filter((word) => fateOf(word, false) === 'undelivered');
    const given = [...Object.values(CAUSES), ...failed];
    expect(given.filter((reason) => !REASONS.includes(reason))).toEqual([]);
  });

  it('the reason of a message has a meaning and a remedy of whole sentences, with the id in each command', () => {
    const numbered = HTTP_RULES.map(({ from }) => `http-${from}`);
    for (const reason of [...REASONS, ...numbered, 'unknown-code', 'unknown-code-77', 'tls-odd']) {
      const { meaning = '', remedy = '' } = explainReason({ id: 41, reason }) ?? {};
      expect(meaning, reason).toMatch(/^[A-Za-z_].*\.$/);
      expect(remedy, reason).toMatch(/^[A-Z].*[.?]$|41$/);
      expect(remedy, reason).not.toMatch(/\bID\b/);
    }
  });

  it('the reason of a message is explained by one table: no name of a receipt is the name of an answer', () => {
    const ofAnswers: ReadonlySet<string> = new Set(STATUS_CODES.map(({ name }) => name));
    expect(RECEIPT_CODES.filter(({ name }) => ofAnswers.has(name))).toEqual([]);
    for (const { name, meaning } of RECEIPT_CODES) {
      expect(explainReason({ id: 1, reason: name })?.meaning).toBe(meaning);
    }
  });

  it('the reason of a message is null where a message has none', () => {
    expect(explainReason({ id: 1, reason: null })).toBeNull();
  });
});
