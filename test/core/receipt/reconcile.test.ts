/**
 * What became of a message, rule by rule (CONTRACT.md §14, "Parts"), and for any attempts and
 * anything that was heard: the same in every order, however often, and as a second reading of CONTRACT.md
 * has it.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fold,
  hear,
  isAccepted,
  priceOf,
  type Attempt,
  type AttemptFact,
  type HeardReceipt,
  type Outcome,
  type PartFact,
  type Expectation,
} from '../../../src/core/receipt/reconcile.ts';

const POLICY: Expectation = { predictedParts: 1, isEnough: false, isOver: false };
const AT = 1_790_000_000;

function partOf(number: number, over: Partial<PartFact> = {}): PartFact {
  return { number, gatewayId: `p${number}`, status: 0, price: null, network: null, ...over };
}

/** An attempt whose answer had these codes; the part of each accepted one is called after its place. */
function answered(number: number, codes: readonly (number | null)[] = [0]): AttemptFact {
  const parts = codes.map((status, index) =>
    partOf(index + 1, { status, gatewayId: status === 0 ? `${number}-p${index + 1}` : null }),
  );
  const route = codes.includes(0) ? 'await-receipt' : 'retry';
  return { number, route, isClosed: false, parts };
}

function lost(number: number): AttemptFact {
  return { number, route: 'uncertain', isClosed: false, parts: [] };
}

function word(
  gatewayId: string | null,
  status: string | null,
  over: Partial<HeardReceipt> = {},
): HeardReceipt {
  const attempt = Number(gatewayId?.split('-')[0] ?? 1);
  const rest = { code: null, price: null, network: null, receivedAt: AT };
  return { attempt, gatewayId, status, ...rest, ...over };
}

function outcome(
  attempts: readonly AttemptFact[],
  heard: readonly HeardReceipt[],
  policy: Partial<Expectation> = {},
): Outcome {
  const whole = { ...POLICY, ...policy };
  return fold(hear(attempts, heard, whole.isEnough), whole);
}

describe('an attempt that was answered', () => {
  it('an attempt that was answered is waited for until all its parts are final', () => {
    const both = answered(1, [0, 0]);
    expect(outcome([both], [])).toMatchObject({ to: 'await-receipt', reason: 'accepted' });
    expect(outcome([both], [word('1-p1', 'delivered')]).to).toBe('await-receipt');
    expect(outcome([both], [word('1-p1', 'failed')]).to).toBe('await-receipt');
  });

  it('an attempt that was answered is delivered when all its parts are', () => {
    const heard = [word('1-p2', 'delivered'), word('1-p1', 'delivered')];
    expect(outcome([answered(1, [0, 0])], heard)).toMatchObject({
      to: 'delivered',
      reason: 'receipt-delivered',
      accepted: 1,
    });
  });

  it('an attempt that was answered is undelivered when one part of several failed, however many were delivered', () => {
    const heard = ['delivered', 'failed', 'delivered'].map((status, index) =>
      word(`1-p${index + 1}`, status),
    );
    expect(outcome([answered(1, [0, 0, 0])], heard).to).toBe('undelivered');
  });

  it.each(['failed', 'rejected', 'undelivered', 'deleted', 'expired'])(
    'an attempt that was answered ends its message as undelivered by "%s"',
    (status) => {
      expect(outcome([answered(1)], [word('1-p1', status)])).toMatchObject({
        to: 'undelivered',
        reason: status,
      });
    },
  );

  it.each(['accepted', 'buffered', 'unknown', 'parked'])(
    'an attempt that was answered is not ended by "%s"',
    (status) => {
      expect(outcome([answered(1)], [word('1-p1', status)]).to).toBe('await-receipt');
    },
  );

  it('an attempt that was answered is named after the err-code where that says more', () => {
    const failedWith = (code: number | null): string =>
      outcome([answered(1)], [word('1-p1', 'failed', { code })]).reason;
    expect(failedWith(8)).toBe('network-error');
    expect(failedWith(9)).toBe('illegal-number');
    expect([failedWith(0), failedWith(1), failedWith(null)]).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
    expect(failedWith(777)).toBe('failed');
  });

  it('hears nothing of parts that its answer does not name', () => {
    const heard = [word('1-other', 'delivered'), word('1-more', 'failed')];
    const attempts = hear([answered(1)], heard, false);
    expect(attempts[0]?.parts).toHaveLength(1);
    expect(fold(attempts, POLICY).to).toBe('await-receipt');
  });

  it('an attempt that was answered takes a receipt without an id for its only part, and for none of several', () => {
    const heard = [word(null, 'delivered')];
    expect(outcome([answered(1)], heard).to).toBe('delivered');
    expect(outcome([answered(1, [0, 6])], heard).to).toBe('undelivered');
    expect(outcome([answered(1, [0, 0])], heard).to).toBe('await-receipt');
  });

  it('an attempt that was answered takes a receipt for its only part where the answer gave that part no id', () => {
    const attempt = { ...answered(1), parts: [partOf(1, { gatewayId: null })] };
    expect(outcome([attempt], [word('1-x', 'delivered')]).to).toBe('delivered');
  });

  it('an attempt that was answered takes a receipt without an id for none of several parts without one', () => {
    const parts = [partOf(1, { gatewayId: null }), partOf(2, { gatewayId: null })];
    const attempt = { ...answered(1), parts };
    expect(outcome([attempt], [word(null, 'delivered')]).to).toBe('await-receipt');
  });
});

describe('an attempt accepted in part', () => {
  it('an attempt accepted in part is undelivered once the accepted parts are final, delivered or not', () => {
    for (const status of ['delivered', 'failed']) {
      expect(outcome([answered(1, [6, 0])], [word('1-p2', status)])).toMatchObject({
        to: 'undelivered',
        reason: 'accepted-in-part',
        isInPart: true,
      });
    }
  });

  it('an attempt accepted in part is waited for until then', () => {
    expect(outcome([answered(1, [0, 6])], [])).toMatchObject({
      to: 'await-receipt',
      reason: 'accepted-in-part',
    });
    expect(outcome([answered(1, [0, 0, 6])], [word('1-p1', 'delivered')]).to).toBe('await-receipt');
  });

  it('an attempt accepted in part counts an element without a status as not accepted, unless a receipt tells of it', () => {
    const attempt = {
      ...answered(1, [0]),
      parts: [partOf(1, { gatewayId: '1-p1' }), partOf(2, { gatewayId: '1-p2', status: null })],
    };
    const first = word('1-p1', 'delivered');
    expect(outcome([attempt], [first])).toMatchObject({ to: 'undelivered', isInPart: true });
    const second = word('1-p2', 'delivered');
    expect(outcome([attempt], [first, second])).toMatchObject({ to: 'delivered', isInPart: false });
  });
});

describe('an attempt whose answer was lost', () => {
  it('proves nothing by itself', () => {
    expect(outcome([lost(1)], [])).toMatchObject({ to: null, accepted: 0 });
  });

  it('an attempt whose answer was lost is proven accepted by any word at all, listed or not', () => {
    for (const status of ['accepted', 'buffered', 'unknown', 'parked', null]) {
      expect(outcome([lost(1)], [word('1-a', status)])).toMatchObject({
        to: 'await-receipt',
        accepted: 1,
      });
    }
  });

  it('an attempt whose answer was lost is delivered when as many distinct ids as predicted are', () => {
    const three = { predictedParts: 3 };
    const first = [word('1-a', 'delivered'), word('1-b', 'delivered'), word('1-a', 'delivered')];
    expect(outcome([lost(1)], first, three).to).toBe('await-receipt');
    expect(outcome([lost(1)], [...first, word('1-c', 'delivered')], three).to).toBe('delivered');
  });

  it('an attempt whose answer was lost is undelivered only when as many ids as predicted are final', () => {
    const two = { predictedParts: 2 };
    expect(outcome([lost(1)], [word('1-a', 'failed')], two).to).toBe('await-receipt');
    const both = [word('1-a', 'failed'), word('1-b', 'delivered')];
    expect(outcome([lost(1)], both, two).to).toBe('undelivered');
  });

  it('an attempt whose answer was lost is not taken back by ids beyond the predicted number: a state that is final stays so', () => {
    const delivered = word('1-a', 'delivered');
    for (const status of ['accepted', 'failed', 'delivered']) {
      expect(outcome([lost(1)], [delivered, word('1-b', status)]).to).toBe('delivered');
    }
    expect(outcome([lost(1)], [word('1-a', 'accepted'), word('1-b', 'failed')]).to).toBe(
      'await-receipt',
    );
  });

  it('an attempt whose answer was lost that was refused, as the answer had it, is proven accepted all the same', () => {
    const refused = answered(1, [5]);
    expect(outcome([refused], [])).toMatchObject({ to: null, accepted: 0 });
    expect(outcome([refused], [word('1-a', 'delivered')])).toMatchObject({ to: 'delivered' });
  });

  it('an attempt whose answer was lost that was refused with an id keeps the refusal; what a receipt tells is a part of its own', () => {
    const refused = { ...answered(1, [5]), parts: [partOf(1, { status: 5, gatewayId: '1-a' })] };
    const [attempt] = hear([refused], [word('1-a', 'delivered')], false);
    expect(attempt?.parts).toMatchObject([
      { number: 1, status: 5, word: null, heardAt: null },
      { number: 2, status: null, word: { status: 'delivered' }, heardAt: AT },
    ]);
  });

  it('an attempt whose answer was lost keeps the numbers of parts that were found before, and appends', () => {
    const once = hear([lost(1)], [word('1-b', 'accepted')], false);
    const again = hear(once, [word('1-b', 'accepted'), word('1-a', 'failed')], false);
    expect(again[0]?.parts.map(({ number, gatewayId }) => [number, gatewayId])).toEqual([
      [1, '1-b'],
      [2, '1-a'],
    ]);
  });
});

describe('several attempts', () => {
  const delivered1 = word('1-a', 'delivered');
  const failed1 = word('1-a', 'failed');
  const delivered2 = word('2-p1', 'delivered');
  const failed2 = word('2-p1', 'failed', { code: 8 });
  const both = [lost(1), answered(2)];

  it('several attempts are delivered if any is', () => {
    expect(outcome(both, [delivered1, failed2]).to).toBe('delivered');
    expect(outcome(both, [failed1, delivered2]).to).toBe('delivered');
    expect(outcome(both, [delivered1]).to).toBe('delivered');
  });

  it('several attempts are undelivered only when every accepted one failed', () => {
    expect(outcome(both, [failed1]).to).toBe('await-receipt');
    expect(outcome(both, [failed1, failed2])).toMatchObject({ to: 'undelivered', accepted: 2 });
  });

  it('wait for one that nobody answered, and may still prove accepted, until the time is over', () => {
    expect(outcome(both, [failed2])).toMatchObject({
      to: 'await-receipt',
      waitsForProof: true,
      reason: 'another-attempt-may-arrive',
    });
    expect(outcome(both, [failed2], { isOver: true })).toMatchObject({
      to: 'undelivered',
      reason: 'network-error',
      waitsForProof: false,
    });
  });

  it('several attempts do not wait for one that was refused', () => {
    expect(outcome([answered(1, [5]), answered(2)], [failed2]).to).toBe('undelivered');
  });

  it('tell which failures ended the latest of them', () => {
    expect(outcome(both, [word('1-a', 'failed', { code: 3 }), failed2]).failures).toEqual([
      { status: 'failed', code: 8 },
    ]);
  });
});

describe('an attempt of before the message was started over', () => {
  const closed = { ...answered(1), isClosed: true };
  const delivered1 = word('1-p1', 'delivered');
  const failed1 = word('1-p1', 'failed');

  it('an attempt of before the message was started over counts only where it was delivered', () => {
    expect(outcome([closed], [failed1])).toMatchObject({ to: null, failures: [] });
    expect(outcome([closed], []).to).toBeNull();
    expect(outcome([closed], [delivered1]).to).toBe('delivered');
  });

  it('neither fails nor holds up those after it', () => {
    const attempts = [closed, answered(2)];
    const failed2 = word('2-p1', 'failed');
    expect(outcome(attempts, [failed2]).to).toBe('undelivered');
    expect(outcome(attempts, [failed1]).to).toBe('await-receipt');
    expect(outcome(attempts, [delivered1, failed2])).toMatchObject({
      to: 'delivered',
      accepted: 2,
    });
  });

  it('an attempt of before the message was started over counts wholly when nothing had proven it accepted', () => {
    expect(outcome([lost(1), answered(2, [5])], [word('1-a', 'failed')]).to).toBe('undelivered');
  });
});

describe('when nothing more is waited for', () => {
  const over = { isOver: true };

  it('a message without a final word is unconfirmed', () => {
    expect(outcome([answered(1)], [], over)).toMatchObject({
      to: 'unconfirmed',
      reason: 'no-final-receipt',
    });
    expect(outcome([answered(1)], [word('1-p1', 'unknown')], over).to).toBe('unconfirmed');
  });

  it('one failed part is enough to say that its attempt will not arrive whole', () => {
    const heard = [word('1-p1', 'failed', { code: 8 })];
    expect(outcome([answered(1, [0, 0])], heard, over)).toMatchObject({
      to: 'undelivered',
      reason: 'network-error',
    });
  });

  it('an attempt that may still arrive whole keeps its message from being undelivered', () => {
    const heard = [word('1-p1', 'failed')];
    expect(outcome([answered(1), answered(2)], heard, over).to).toBe('unconfirmed');
  });

  it('an attempt accepted in part, and final, does not arrive whole either', () => {
    const heard = [word('1-p1', 'delivered'), word('2-p1', 'failed')];
    const attempts = [answered(1, [0, 6]), answered(2, [0, 0])];
    expect(outcome(attempts, heard, over).to).toBe('undelivered');
  });

  it('one whose acceptance nothing proves stays as it is', () => {
    expect(outcome([lost(1)], [], over).to).toBeNull();
  });
});

describe('where accepted is the last word that ever comes', () => {
  const enough = { isEnough: true };

  it('it is enough, whatever was heard before or after', () => {
    const heard = [word('1-p1', 'accepted'), word('1-p1', 'failed'), word('1-p1', 'buffered')];
    for (const order of [heard, heard.toReversed()]) {
      expect(outcome([answered(1)], order, enough)).toMatchObject({
        to: 'delivered',
        reason: 'accepted-is-enough',
      });
    }
  });

  it('a real delivery is still called one', () => {
    const heard = [word('1-p1', 'accepted'), word('1-p1', 'delivered')];
    expect(outcome([answered(1)], heard, enough).reason).toBe('receipt-delivered');
  });

  it('every part must be accepted', () => {
    const heard = [word('1-p1', 'accepted')];
    expect(outcome([answered(1, [0, 0])], heard, enough).to).toBe('await-receipt');
    expect(outcome([answered(1)], [word('1-p1', 'failed')], enough).to).toBe('undelivered');
  });
});

describe('the price', () => {
  const price = (
    attempts: readonly AttemptFact[],
    heard: readonly HeardReceipt[] = [],
  ): number | null => priceOf(hear(attempts, heard, false));

  it('the price is the sum of the accepted parts of all attempts; null when nobody named one', () => {
    const parts = [partOf(1, { price: 0.03 }), partOf(2, { price: 0.04 })];
    const first = { ...answered(1), parts };
    const refused = { ...answered(2), parts: [partOf(1, { status: 6, price: 9 })] };
    expect(price([first, refused])).toBeCloseTo(0.07);
    expect(price([answered(1)])).toBeNull();
  });

  it('the price is taken from a receipt where the answer named none or was lost', () => {
    const heard = [word('1-p1', 'accepted', { price: 0.05 }), word('2-a', null, { price: 0.02 })];
    expect(price([answered(1), lost(2)], heard)).toBeCloseTo(0.07);
  });

  it('the price counts each part once, however often it was heard of', () => {
    const heard = Array.from({ length: 5 }, () => word('1-a', 'accepted', { price: 0.05 }));
    expect(price([lost(1)], heard)).toBeCloseTo(0.05);
  });

  it('the price does not depend on which of two receipts that name different ones came first', () => {
    const heard = [0, 0.05].map((own) => word('1-a', 'accepted', { price: own }));
    expect(price([lost(1)], heard)).toBe(price([lost(1)], heard.toReversed()));
  });
});

/** All that decides, without what is only shown. */
interface Gist {
  readonly to: Outcome['to'];
  readonly accepted: number;
  readonly waitsForProof: boolean;
  readonly isInPart: boolean;
  readonly failures: readonly string[];
  /** In ten-thousandths: a sum of decimals depends on the order. */
  readonly price: number | null;
}

const rounded = (price: number | null): number | null =>
  price === null ? null : Math.round(price * 10_000);

function gistOf(attempts: readonly Attempt[], policy: Expectation): Gist {
  const { to, accepted, waitsForProof, isInPart, failures } = fold(attempts, policy);
  const named = failures.map(({ status, code }) => `${status} ${code ?? 'none'}`);
  const price = rounded(priceOf(attempts));
  return { to, accepted, waitsForProof, isInPart, failures: [...new Set(named)].toSorted(), price };
}

const BAD = ['expired', 'deleted', 'undelivered', 'failed', 'rejected'];

/** What was said of a part, as a set; the rules of CONTRACT.md §14 read it without any notion of a latest word. */
function partOutcome(own: readonly HeardReceipt[], isEnough: boolean): string {
  const said = new Set(own.map(({ status }) => status));
  if (said.has('delivered') || (isEnough && said.has('accepted'))) return 'delivered';
  const worst = BAD.findLast((status) => said.has(status));
  if (worst === undefined) return 'open';
  const codes = own.flatMap(({ status, code }) => (status === worst ? [code ?? -1] : []));
  const highest = Math.max(...codes);
  return `${worst} ${highest === -1 ? 'none' : highest}`;
}

interface Judged {
  readonly fact: AttemptFact;
  readonly isAccepted: boolean;
  readonly isInPart: boolean;
  /** Of each accepted part. */
  readonly outcomes: readonly string[];
  readonly isFinal: boolean;
  readonly isDelivered: boolean;
  readonly prices: readonly number[];
}

function judge(fact: AttemptFact, heard: readonly HeardReceipt[], policy: Expectation): Judged {
  const own = heard.filter(({ attempt }) => attempt === fact.number);
  const taken = fact.parts.filter(({ status }) => status === 0);
  const isAnswered = taken.length > 0;
  const ids = isAnswered ? taken.map((part) => part.gatewayId) : own.map((one) => one.gatewayId);
  const groups = [...new Set(ids)].map((id) =>
    own.filter(
      ({ gatewayId }) => gatewayId === id || (isAnswered && ids.length === 1 && gatewayId === null),
    ),
  );
  const prices = groups.flatMap((group, index) => {
    const known = [taken[index]?.price ?? null, ...group.map(({ price }) => price)];
    return known.find((price) => price !== null) ?? [];
  });
  const outcomes = groups.map((group) => partOutcome(group, policy.isEnough));
  const good = outcomes.filter((one) => one === 'delivered').length;
  const isWhole = isAnswered || groups.length >= policy.predictedParts;
  return {
    fact,
    isAccepted: groups.length > 0,
    isInPart: isAnswered && taken.length < fact.parts.length,
    outcomes,
    isFinal: isWhole && !outcomes.includes('open'),
    isDelivered: good >= (isAnswered ? fact.parts.length : policy.predictedParts),
    prices,
  };
}

/** Contract §2, read again. */
function expectedOf(
  facts: readonly AttemptFact[],
  heard: readonly HeardReceipt[],
  policy: Expectation,
): Gist {
  const judged = facts.map((fact) => judge(fact, heard, policy));
  const accepted = judged.filter((one) => one.isAccepted);
  const counting = accepted.filter(({ fact }) => !fact.isClosed);
  const isBad = (text: string): boolean => text !== 'open' && text !== 'delivered';
  const isLost = judged.some((one) => one.fact.route === 'uncertain' && !one.isAccepted);
  const cannotArrive = (one: Judged): boolean =>
    one.isFinal ? !one.isDelivered : one.outcomes.some(isBad);
  const last = counting.at(-1);
  const prices = accepted.flatMap((one) => one.prices);
  const rest = {
    accepted: accepted.length,
    waitsForProof: false,
    isInPart: last?.isInPart ?? false,
    failures: [...new Set(last?.outcomes.filter(isBad))].toSorted(),
    price: prices.length === 0 ? null : rounded(prices.reduce((a, b) => a + b)),
  };
  if (accepted.some((one) => one.isDelivered)) return { ...rest, to: 'delivered' };
  if (counting.length === 0) return { ...rest, to: null };
  if (counting.every((one) => one.isFinal)) {
    const waits = isLost && !policy.isOver;
    return { ...rest, waitsForProof: waits, to: waits ? 'await-receipt' : 'undelivered' };
  }
  if (!policy.isOver) return { ...rest, to: 'await-receipt' };
  return { ...rest, to: counting.every(cannotArrive) ? 'undelivered' : 'unconfirmed' };
}

/** A part as planned: what its answer says of it, and what is heard; `key`s are places in two orders. */
const anyPart = fc.record({
  isTaken: fc.boolean(),
  /** EUR; the answer and each receipt may leave it out. */
  price: fc.constantFrom(0.03, 0.05),
  isPriced: fc.boolean(),
  words: fc.array(
    fc.record({
      status: fc.constantFrom(
        'delivered',
        ...BAD,
        'accepted',
        'buffered',
        'unknown',
        'parked',
        null,
      ),
      code: fc.constantFrom(null, 0, 2, 8, 9),
      isPriced: fc.boolean(),
      hasId: fc.boolean(),
      times: fc.integer({ min: 1, max: 3 }),
      key: fc.nat(),
      otherKey: fc.nat(),
    }),
    { maxLength: 4 },
  ),
});
const anyAttempt = fc.record({
  isLost: fc.boolean(),
  isClosed: fc.boolean(),
  parts: fc.array(anyPart, { minLength: 1, maxLength: 4 }),
});
type AttemptPlan = typeof anyAttempt extends fc.Arbitrary<infer T> ? T : never;

interface Keyed {
  readonly heard: HeardReceipt;
  readonly key: number;
  readonly otherKey: number;
}

function factOf(plan: AttemptPlan, number: number): AttemptFact {
  if (plan.isLost) return { ...lost(number), isClosed: plan.isClosed };
  const parts = plan.parts.map((part, index) =>
    partOf(index + 1, {
      status: part.isTaken ? 0 : 6,
      gatewayId: part.isTaken ? `${number}-p${index + 1}` : null,
      price: part.isTaken && part.isPriced ? part.price : null,
    }),
  );
  const route = plan.parts.some(({ isTaken }) => isTaken) ? 'await-receipt' : 'permanent-failure';
  return { number, route, isClosed: plan.isClosed, parts };
}

/* Of a refused part nothing is heard. Without an id only where there is one part. */
function wordsOf(plan: AttemptPlan, number: number): readonly Keyed[] {
  const taken = plan.parts.filter(({ isTaken }) => isTaken || plan.isLost);
  return plan.parts.flatMap((part, index) => {
    if (!taken.includes(part)) return [];
    return part.words.flatMap(({ status, code, isPriced, hasId, times, key, otherKey }) => {
      const mayLack = !plan.isLost && taken.length === 1;
      const gatewayId = hasId || !mayLack ? `${number}-p${index + 1}` : null;
      const price = isPriced ? part.price : null;
      const heard = word(gatewayId, status, { attempt: number, code, price, receivedAt: AT + key });
      return Array.from({ length: times }, (_, copy) => ({
        heard,
        key: (key * (copy + 1)) % 1_009,
        otherKey: (otherKey * (copy + 1)) % 1_013,
      }));
    });
  });
}

const anyMessage = fc
  .record({
    plans: fc.array(anyAttempt, { minLength: 1, maxLength: 3 }),
    predictedParts: fc.integer({ min: 1, max: 4 }),
    isEnough: fc.boolean(),
    isOver: fc.boolean(),
    cut: fc.nat(12),
  })
  .map(({ plans, cut, ...policy }) => {
    const keyed = plans.flatMap((plan, index) => wordsOf(plan, index + 1));
    return {
      facts: plans.map((plan, index) => factOf(plan, index + 1)),
      policy,
      cut,
      once: keyed.toSorted((a, b) => a.key - b.key).map(({ heard }) => heard),
      other: [...new Set(keyed.toSorted((a, b) => a.otherKey - b.otherKey))].map(
        (one) => one.heard,
      ),
    };
  });

const RUNS = { numRuns: 2_000 };

describe('for any attempts, and whatever was heard of them', () => {
  it('the outcome is that of CONTRACT.md §14', () => {
    fc.assert(
      fc.property(anyMessage, ({ facts, once, policy }) => {
        const gist = gistOf(hear(facts, once, policy.isEnough), policy);
        expect(gist).toEqual(expectedOf(facts, once, policy));
      }),
      RUNS,
    );
  });

  it('any permutation and repetition comes to the same', () => {
    fc.assert(
      fc.property(anyMessage, ({ facts, once, other, policy }) => {
        const first = gistOf(hear(facts, once, policy.isEnough), policy);
        const distinct = once.filter((one, index) => once.indexOf(one) === index);
        for (const heard of [other, distinct, [...other, ...once]]) {
          expect(gistOf(hear(facts, heard, policy.isEnough), policy)).toEqual(first);
        }
      }),
      RUNS,
    );
  });

  it('it does not matter that some of it was folded, and written down, before', () => {
    fc.assert(
      fc.property(anyMessage, ({ facts, once, policy, cut }) => {
        const written = hear(facts, once.slice(0, cut), policy.isEnough);
        const whole = gistOf(hear(facts, once, policy.isEnough), policy);
        expect(gistOf(hear(written, once, policy.isEnough), policy)).toEqual(whole);
      }),
      RUNS,
    );
  });

  it('what is delivered stays so, and what is accepted stays accepted, whatever comes later', () => {
    fc.assert(
      fc.property(anyMessage, ({ facts, once, policy, cut }) => {
        const before = hear(facts, once.slice(0, cut), policy.isEnough);
        const after = hear(facts, once, policy.isEnough);
        for (const [index, attempt] of before.entries()) {
          const later = after[index];
          if (isAccepted(attempt)) expect(later !== undefined && isAccepted(later)).toBe(true);
        }
        const isDelivered = fold(before, policy).to === 'delivered';
        if (isDelivered) expect(fold(after, policy).to).toBe('delivered');
      }),
      RUNS,
    );
  });
});
