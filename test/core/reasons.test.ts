/** Each reason that a message can have is explained, with a remedy. */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { CAUSES } from '../../src/causes.ts';
import { HTTP_RULES } from '../../src/core/rules.ts';
import { RECEIPT_CODES } from '../../src/core/receipt-codes.ts';
import { fateOf, RECEIPT_STATUSES } from '../../src/core/receipt.ts';
import { explainReason, isKnownReason, REASONS } from '../../src/core/reasons.ts';
import { STATUS_CODES } from '../../src/core/status-codes.ts';
import { nodesOf, sourcesUnder } from '../support/sources.ts';

const SRC = sourcesUnder('src');

/** Strings that a file gives to a property named `reason`; of the judge of rows, those that it returns. */
function reasonsIn(path: string): readonly string[] {
  const isJudge = path.endsWith('judge-row.ts');
  const source = SRC.find((one) => one.path === path);
  if (source === undefined) throw new Error(`no file ${path}`);
  return [...nodesOf(source.tree)].flatMap((node) => {
    const isReason = ts.isPropertyAssignment(node) && node.name.getText() === 'reason';
    const isReturn = isJudge && ts.isReturnStatement(node);
    const value = isReason ? node.initializer : isReturn ? node.expression : null;
    return value !== null && value !== undefined && ts.isStringLiteral(value) ? [value.text] : [];
  });
}

/** Where the daemon gives a reason to a message. */
const GIVERS = [
  'src/core/judge-row.ts',
  'src/core/classify.ts',
  'src/core/settle.ts',
  'src/core/reconcile.ts',
  'src/dispatch/janitor.ts',
  'src/dispatch/holds.ts',
  'src/dispatch/restoration.ts',
  'src/dispatch/operator.ts',
];

describe('E4: the reason of a message', () => {
  it.each(GIVERS)('E4: is known and explained wherever %s gives it', (path) => {
    const given = reasonsIn(path).filter((reason) => reason !== '');
    expect(given.length).toBeGreaterThan(0);
    expect(given.filter((reason) => !isKnownReason(reason))).toEqual([]);
  });

  it('E4: is known and explained for every failure of a connection and every word of a receipt', () => {
    const failed = RECEIPT_STATUSES.filter((word) => fateOf(word, false) === 'undelivered');
    const given = [...Object.values(CAUSES), ...failed];
    expect(given.filter((reason) => !REASONS.includes(reason))).toEqual([]);
  });

  it('E4: has a meaning and a remedy of whole sentences, with the id in each command', () => {
    const numbered = HTTP_RULES.map(({ from }) => `http-${from}`);
    for (const reason of [...REASONS, ...numbered, 'unknown-code', 'unknown-code-77', 'tls-odd']) {
      const { meaning = '', remedy = '' } = explainReason({ id: 41, state: 'retry', reason }) ?? {};
      expect(meaning, reason).toMatch(/^[A-Za-z_].*\.$/);
      expect(remedy, reason).toMatch(/^[A-Z].*[.?]$|41$/);
      expect(remedy, reason).not.toMatch(/\bID\b/);
    }
  });

  it('E4: is explained by the codes of receipts where a receipt gave it', () => {
    const both = STATUS_CODES.filter(({ name }) => RECEIPT_CODES.some((one) => one.name === name));
    for (const { name, meaning } of both) {
      const ofReceipt = RECEIPT_CODES.find((one) => one.name === name)?.meaning;
      const words = (state: string) => explainReason({ id: 1, state, reason: name })?.meaning;
      expect([words('undelivered'), words('permanent-failure')]).toEqual([ofReceipt, meaning]);
    }
  });

  it('E4: is null where a message has none', () => {
    expect(explainReason({ id: 1, state: 'queued', reason: null })).toBeNull();
  });
});
