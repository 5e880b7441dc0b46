/**
 * What follows from a verdict: every result is a move that the table allows, and the promises of CONTRACT.md §13
 * hold for any message and any answer.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/core/message/claim.ts';
import { NEXT, type State } from '../../../src/core/message/message.ts';
import {
  heldDueAt,
  interrupted,
  lapse,
  settle,
  unsent,
  type SettlePolicy,
  type Settlement,
} from '../../../src/core/answer/settle.ts';
import type { Verdict } from '../../../src/core/answer/verdict.ts';
import {
  answered,
  claimOf,
  DAY,
  http,
  neverLeft,
  NOW,
  POLICY,
  throttledWith,
  unanswered,
} from '../../support/verdicts.ts';

const WAIT = 'Throughput Rate Exceeded - please wait [ 250 ] and retry';

const anyCodes = fc.array(fc.option(fc.integer({ min: 0, max: 40 })), {
  minLength: 1,
  maxLength: 4,
});
const anyVerdict: fc.Arbitrary<Verdict> = fc.oneof(
  anyCodes.map((codes) => answered(...codes)),
  fc.constantFrom(200, 302, 400, 401, 404, 408, 418, 429, 500, 503).map(http),
  fc.constant(throttledWith(WAIT)),
  fc.constant(unanswered()),
  fc.constant(neverLeft()),
);
const anyClaim: fc.Arbitrary<Claim> = fc
  .record({
    number: fc.integer({ min: 1, max: 50 }),
    attempts: fc.integer({ min: 1, max: 12 }),
    throttles: fc.integer({ min: 0, max: 100 }),
    onUncertain: fc.constantFrom(null, 'resend', 'hold'),
    from: fc.constantFrom('queued', 'retry'),
    deadline: fc.integer({ min: NOW - DAY, max: NOW + DAY }),
    follows: fc.option(fc.integer({ min: 1, max: 50 })),
    hasUnanswered: fc.boolean(),
  })
  .map((over) => claimOf({ ...over, hasUnanswered: over.hasUnanswered && over.follows !== null }));
const anyPolicy: fc.Arbitrary<SettlePolicy> = fc.record({
  retry: fc.constant(POLICY.retry),
  onUncertain: fc.constantFrom('resend', 'hold'),
  uncertainAfterMs: fc.integer({ min: 0, max: 600_000 }),
  lookAfterMs: fc.constantFrom(null, 60_000),
  receipts: fc.record({
    expect: fc.boolean(),
    timeoutMs: fc.integer({ min: 1, max: 300_000_000 }),
  }),
});
const inputOf = (claim: fc.Arbitrary<Claim>, verdict: fc.Arbitrary<Verdict>) =>
  fc.record({
    claim,
    verdict,
    policy: anyPolicy,
    isSetAside: fc.boolean(),
    isCancelAsked: fc.boolean(),
    now: fc.constant(NOW),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
const anyInput = inputOf(anyClaim, anyVerdict);

/** Inputs of one kind are built, never filtered: a filter gives up when chance is against it. */
const acceptedInPart = fc
  .tuple(anyCodes, anyCodes)
  .map(([before, after]) => answered(...before, 0, ...after));
const accepted = inputOf(anyClaim, fc.oneof(fc.constant(answered(0)), acceptedInPart));
const twiceTried = anyClaim.map((claim) => claimOf({ ...claim, follows: 1, hasUnanswered: true }));
const unansweredBefore = inputOf(twiceTried, anyVerdict);
const unansweredNow = inputOf(anyClaim, fc.constant(unanswered()));

const given = (verdict: Verdict, claim: Partial<Claim> = {}, isCancelAsked = false): Settlement =>
  settle({
    ...{ claim: claimOf(claim), verdict, policy: POLICY },
    ...{ isSetAside: false, isCancelAsked, now: NOW, random: 0.5 },
  });

describe('any answer to any message', () => {
  it('any answer to any message moves only where the table allows', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        expect(NEXT.sending as readonly State[]).toContain(settle(input).to);
        expect(NEXT.sending as readonly State[]).toContain(unsent(input).to);
      }),
    );
  });

  it('any answer to any message never ends a message of which an attempt is unanswered', () => {
    fc.assert(
      fc.property(fc.oneof(unansweredBefore, unansweredNow), (input) => {
        const ends = ['permanent-failure', 'cancelled', 'expired'];
        expect(ends).not.toContain(settle(input).to);
        if (input.claim.hasUnanswered) expect(ends).not.toContain(unsent(input).to);
      }),
    );
  });

  it('any answer to any message never sends again what was accepted, even in part', () => {
    fc.assert(
      fc.property(accepted, (input) => {
        expect(settle(input).to).toBe('await-receipt');
      }),
    );
  });

  it('any answer to any message costs an attempt if and only if the trouble is not the lane’s', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { claim, verdict } = input;
        const isLanes = verdict.route === 'retry' && verdict.scope !== 'message';
        expect(settle(input).attempts).toBe(isLanes ? claim.attempts - 1 : claim.attempts);
        expect(unsent(input).attempts).toBe(claim.attempts - 1);
      }),
    );
  });

  it('any answer to any message looks again at every message that is not final and not ready', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { to, dueAt, nextAttemptAt } = settle(input);
        const waits = to === 'retry' || to === 'uncertain' || to === 'await-receipt';
        const isLanes = input.verdict.route === 'retry' && input.verdict.scope !== 'message';
        const isSetAside = to === 'queued' && input.isSetAside && isLanes;
        expect(dueAt !== null).toBe(waits || isSetAside);
        if (dueAt !== null) expect(dueAt).toBeGreaterThanOrEqual(NOW);
        expect(nextAttemptAt !== null).toBe(to === 'retry');
      }),
    );
  });

  it('any answer to any message remembers what the next attempt may double', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { claim, verdict } = input;
        const { follows } = settle(input);
        expect(follows).toBe(verdict.mayDouble ? claim.number : claim.follows);
      }),
    );
  });
});

describe('an attempt', () => {
  it.each([
    ['throttled', throttledWith(WAIT)],
    ['throttled by HTTP', http(429)],
    ['too many at a time', answered(10)],
    ['suspended', answered(4)],
    ['never sent', neverLeft()],
    ['refused by a wrong address', http(404)],
  ])('an attempt is given back when it was %s', (_what, verdict) => {
    expect(given(verdict, { attempts: 3 })).toMatchObject({
      to: 'queued',
      attempts: 2,
      dueAt: null,
    });
  });

  it('an attempt counts as a throttle only when it was throttled', () => {
    expect(given(throttledWith(WAIT), { throttles: 2 }).throttles).toBe(3);
    expect(given(answered(10), { throttles: 2 }).throttles).toBe(3);
    expect(given(answered(4), { throttles: 2 }).throttles).toBe(2);
  });

  it('an attempt is retried after a delay, and for the last time expires at its deadline', () => {
    const settlement = given(answered(5), { deadline: NOW + 2 });
    expect(settlement.to).toBe('retry');
    expect(settlement.nextAttemptAt).toBeCloseTo(NOW + 5, 1);
    expect(settlement.dueAt).toBe(NOW + 2);
  });

  it('an attempt of a code nobody has listed is tried three times', () => {
    expect(given(answered(99), { attempts: 2 }).to).toBe('retry');
    expect(given(answered(99), { attempts: 3 }).to).toBe('permanent-failure');
    expect(given(answered(5), { attempts: 3 }).to).toBe('retry');
    expect(given(answered(5), { attempts: 8 }).to).toBe('permanent-failure');
  });

  it('an attempt whose message is wanted back ends it where it would return, and nowhere else', () => {
    expect(given(answered(5), {}, true).to).toBe('cancelled');
    expect(given(throttledWith(WAIT), {}, true).to).toBe('cancelled');
    expect(given(answered(0), {}, true).to).toBe('await-receipt');
    expect(given(answered(6), {}, true).to).toBe('permanent-failure');
    expect(given(unanswered(), {}, true).to).toBe('uncertain');
  });

  it('an attempt after one that nobody answered makes its message uncertain, as under hold', () => {
    const over = { number: 2, attempts: 2, follows: 1, hasUnanswered: true };
    const held = { to: 'uncertain', dueAt: heldDueAt(POLICY, NOW), nextAttemptAt: null };
    expect(given(answered(6), over)).toMatchObject({ ...held, reason: 'invalid-message' });
    expect(given(answered(5), over, true)).toMatchObject(held);
    expect(given(answered(5), { ...over, attempts: 8 })).toMatchObject(held);
    expect(given(answered(5), over).to).toBe('retry');
    expect(given(answered(0), over).to).toBe('await-receipt');
  });
});

describe('an accepted message', () => {
  it('an accepted message waits for its receipt, or is looked at at once where none can come', () => {
    expect(given(answered(0, 0)).dueAt).toBe(NOW + 76 * 3600);
    const policy = { ...POLICY, receipts: { expect: false, timeoutMs: 1 } };
    const input = {
      claim: claimOf(),
      verdict: answered(0),
      policy,
      isSetAside: false,
      isCancelAsked: false,
    };
    expect(settle({ ...input, now: NOW, random: 0 }).dueAt).toBe(NOW);
  });
});

describe('an uncertain message', () => {
  const facts = {
    onUncertain: null,
    isSetAside: false,
    isCancelAsked: false,
    isAnswered: false,
    attempts: 1,
    deadline: NOW + DAY,
    since: NOW - 300,
    now: NOW,
    policy: POLICY,
  };
  const endsAt = NOW - 300 + 76 * 3600;

  it('an uncertain message is looked at after the configured time, or at once where holding it can bring nothing', () => {
    expect(interrupted(claimOf(), POLICY, NOW)).toMatchObject({
      to: 'uncertain',
      dueAt: NOW + 300,
    });
    const unheard = { ...POLICY, receipts: { expect: false, timeoutMs: 1 } };
    expect(interrupted(claimOf({ onUncertain: 'hold' }), unheard, NOW).dueAt).toBe(NOW);
    expect(interrupted(claimOf(), unheard, NOW).dueAt).toBe(NOW + 300);
  });

  it('an uncertain message goes again under resend', () => {
    expect(lapse(facts)).toEqual({ to: 'retry' });
    expect(
      lapse({ ...facts, policy: { ...POLICY, onUncertain: 'hold' }, onUncertain: 'resend' }),
    ).toEqual({
      to: 'retry',
    });
  });

  it.each([
    ['held', { onUncertain: 'hold' as const }],
    ['wanted back', { isCancelAsked: true }],
    ['refused since', { isAnswered: true }],
    ['out of attempts', { attempts: 8 }],
    ['past its deadline', { deadline: NOW }],
  ])(
    'an uncertain message that is %s waits for a receipt, and ends unconfirmed without one',
    (_what, over) => {
      expect(lapse({ ...facts, ...over })).toEqual({ to: null, dueAt: endsAt });
      const late = { now: endsAt, deadline: facts.deadline + 77 * 3600 };
      const end = { ...facts, ...late, ...over };
      expect(lapse(end)).toEqual({ to: 'unconfirmed' });
      const unheard = { ...POLICY, receipts: { expect: false, timeoutMs: 1 } };
      expect(lapse({ ...facts, ...over, policy: unheard })).toEqual({ to: 'unconfirmed' });
    },
  );
});
