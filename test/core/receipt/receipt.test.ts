/**
 * The words of receipts: what each means for its part, and which of two holds. Nothing is promised about the
 * order in which words come, so the join must not depend on it.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fateOf, join, wordOf, type Word } from '../../../src/core/receipt/receipt.ts';

const FINAL_BAD = ['expired', 'deleted', 'undelivered', 'failed', 'rejected'];
const NOT_FINAL = ['accepted', 'buffered', 'unknown', 'queued-somewhere', ''];
const ALL = ['delivered', ...FINAL_BAD, ...NOT_FINAL];

const anyWord: fc.Arbitrary<Word> = fc.record({
  status: fc.constantFrom(...ALL, 'zzz', 'another'),
  code: fc.constantFrom(null, 0, 1, 2, 8, 99),
});
const anyWordOrNone = fc.option(anyWord);

const wordFor = (status: string, code: number | null = null): Word => ({ status, code });

describe('a word', () => {
  it.each([
    ['DELIVERED', 'delivered'],
    [' Delivered ', 'delivered'],
    ['DELIVRD', 'delivered'],
    ['UNDELIV', 'undelivered'],
    ['Undeliverable', 'undelivered'],
    ['REJECTD', 'rejected'],
    ['ACCEPTD', 'accepted'],
    ['submitted', 'buffered'],
    ['EXPIRED', 'expired'],
    ['Deleted', 'deleted'],
    ['UNKNOWN', 'unknown'],
    ['Parked', 'parked'],
    ['', ''],
  ])('written as "%s" is "%s": case, blanks and the names of the reports do not matter', (a, b) => {
    expect(wordOf(a)).toBe(b);
  });

  it.each(['constructor', '__proto__', 'CONSTRUCTOR'])(
    'a word that is a name of the language (%s) is a word like any other that nobody has listed',
    (status) => {
      expect(wordOf(status)).toBe(status.toLowerCase());
    },
  );

  it('a word is a text in lower case, whatever came', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom(...ALL, 'toString', 'constructor')),
        (s) => {
          const word = wordOf(s);
          expect(word).toBeTypeOf('string');
          expect(wordOf(word)).toBe(word);
          expect(wordOf(s.toUpperCase().toLowerCase())).toBe(wordOf(s.toUpperCase()));
        },
      ),
    );
  });
});

describe('the fate of a part', () => {
  it('the fate of a part is delivered by that word alone', () => {
    expect(ALL.filter((word) => fateOf(word, false) === 'delivered')).toEqual(['delivered']);
  });

  it('the fate of a part is undelivered by expired, deleted, undelivered, failed and rejected', () => {
    expect(ALL.filter((word) => fateOf(word, false) === 'undelivered')).toEqual(FINAL_BAD);
  });

  it('the fate of a part is open for anything else, and when nothing was heard', () => {
    expect(ALL.filter((word) => fateOf(word, false) === 'open')).toEqual(NOT_FINAL);
    expect(fateOf(null, false)).toBe('open');
    expect(fateOf(null, true)).toBe('open');
  });

  it('the fate of a part is delivered by accepted where that is the last word that ever comes', () => {
    expect(ALL.filter((word) => fateOf(word, true) === 'delivered')).toEqual([
      'delivered',
      'accepted',
    ]);
    expect(ALL.filter((word) => fateOf(word, true) === 'undelivered')).toEqual(FINAL_BAD);
  });
});

describe('of two words about one part', () => {
  it.each([true, false])(
    'the same one holds in every order (accepted is enough: %s)',
    (isEnough) => {
      fc.assert(
        fc.property(anyWordOrNone, anyWordOrNone, (a, b) => {
          expect(join(a, b, isEnough)).toEqual(join(b, a, isEnough));
        }),
      );
    },
  );

  it.each([true, false])('it does not matter which are joined first (%s)', (isEnough) => {
    fc.assert(
      fc.property(anyWordOrNone, anyWordOrNone, anyWordOrNone, (a, b, c) => {
        const left = join(join(a, b, isEnough), c, isEnough);
        expect(left).toEqual(join(a, join(b, c, isEnough), isEnough));
      }),
    );
  });

  it.each([true, false])(
    'a word said twice is said once, and no word changes none (%s)',
    (isEnough) => {
      fc.assert(
        fc.property(anyWordOrNone, (a) => {
          expect(join(a, a, isEnough)).toEqual(a);
          expect(join(a, null, isEnough)).toEqual(a);
          expect(join(null, a, isEnough)).toEqual(a);
        }),
      );
    },
  );

  it('it is one of the two', () => {
    fc.assert(
      fc.property(anyWord, anyWord, fc.boolean(), (a, b, isEnough) => {
        expect([a, b]).toContainEqual(join(a, b, isEnough));
      }),
    );
  });

  it('delivered beats every other', () => {
    for (const status of ALL) {
      expect(join(wordFor('delivered', 0), wordFor(status, 99), false)?.status).toBe('delivered');
      expect(join(wordFor(status, 99), wordFor('delivered', 0), true)?.status).toBe('delivered');
    }
  });

  it('a final one beats one that is not', () => {
    for (const final of ['delivered', ...FINAL_BAD]) {
      for (const open of NOT_FINAL) {
        expect(join(wordFor(final), wordFor(open), false)?.status).toBe(final);
      }
    }
  });

  it('a refusal beats the clock: expired may mean no more than that time passed', () => {
    for (const bad of ['deleted', 'undelivered', 'failed', 'rejected']) {
      expect(join(wordFor('expired'), wordFor(bad, 8), false)).toEqual(wordFor(bad, 8));
    }
  });

  it('accepted beats what failed where it is enough, and nowhere else', () => {
    for (const bad of FINAL_BAD) {
      expect(join(wordFor('accepted'), wordFor(bad), true)?.status).toBe('accepted');
      expect(join(wordFor('accepted'), wordFor(bad), false)?.status).toBe(bad);
    }
  });

  it('unknown is worth more than a word that nobody has listed, and less than all others', () => {
    expect(join(wordFor('unknown'), wordFor('zzz'), false)?.status).toBe('unknown');
    for (const status of ALL.filter((one) => one !== '' && one !== 'queued-somewhere')) {
      expect(join(wordFor('unknown'), wordFor(status), false)?.status).toBe(status);
    }
  });

  it('the higher code holds where both say the same', () => {
    expect(join(wordFor('failed', 2), wordFor('failed', 8), false)?.code).toBe(8);
    expect(join(wordFor('failed', 0), wordFor('failed'), false)?.code).toBe(0);
  });
});
