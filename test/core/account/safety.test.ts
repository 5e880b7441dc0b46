/** Limits of the operator's own: who may get one more message, and when an account has cost enough. */
import type { LaneReason } from '../../../src/core/account/stop-reasons.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccountCircuit } from '../../../src/core/account/account-circuit.ts';
import type { AnswerPart } from '../../../src/core/answer/observation.ts';
import { Budget, freeAt, LOW_BALANCE, SPEND_LIMIT } from '../../../src/core/account/safety.ts';
import { answered, claimOf } from '../../support/verdicts.ts';

const at = (iso: string): number => Date.parse(iso) / 1000;
const NOON = at('2026-06-10T12:00:00Z');
const HOUR = 3_600;
const OFF = { spendPerDay: null, zone: 'UTC', minBalance: null };

const part = (over: Partial<AnswerPart>): AnswerPart => ({
  ...{ status: 0, gatewayId: 'id', price: null, network: null, errorText: null, balance: null },
  ...over,
});

describe('a recipient', () => {
  const twice = { messages: 2, windowMs: HOUR * 1000 };

  it.each([
    ['that was sent nothing', [], null],
    ['that was sent fewer', [NOON - 10], null],
    ['that was sent as many', [NOON - 10, NOON - 100], NOON - 100 + HOUR],
    ['that was sent more than it may be now', [NOON - 10, NOON - 50, NOON - 90], NOON - 50 + HOUR],
    ['that was sent some too long ago to count', [NOON - 10, NOON - HOUR], null],
    ['that was sent some by a clock set back since', [NOON + 9_000, NOON - 5], NOON - 5 + HOUR],
  ])('%s may get another', (_what, sentAt, free) => {
    expect(freeAt(sentAt, twice, NOON)).toBe(free);
  });

  it('a recipient is never sent more in any window, and as soon as the window allows', () => {
    const limits = fc.record({ messages: fc.integer({ min: 1, max: 5 }), windowS: fc.nat(50) });
    const gaps = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(limits, gaps, ({ messages, windowS }, waits) => {
        const limit = { messages, windowMs: (windowS + 1) * 1000 };
        const sentAt: number[] = [];
        let now = NOON;
        for (const wait of waits) {
          now += wait;
          const free = freeAt(sentAt, limit, now);
          if (free !== null) {
            expect(freeAt(sentAt, limit, free - 0.001)).not.toBeNull();
            now = free;
          }
          expect(freeAt(sentAt, limit, now)).toBeNull();
          sentAt.push(now);
          const recent = sentAt.filter((one) => one > now - windowS - 1);
          expect(recent.length).toBeLessThanOrEqual(messages);
        }
      }),
    );
  });
});

describe('a budget', () => {
  const spend = (budget: Budget, price: number, now: number): string | null => {
    budget.told([part({ price })], now);
    return budget.stop(now)?.reason ?? null;
  };

  it('a budget stops at the limit until the next midnight of its zone, by parts that were accepted', () => {
    const budget = new Budget({ ...OFF, spendPerDay: 1, zone: 'Europe/London' });
    budget.told([part({ price: 9, status: 7 }), part({ price: 0.5 })], NOON);
    expect(budget.stop(NOON)).toBeNull();
    budget.told([part({ price: 0.25 }), part({ price: 0.25 })], NOON);
    const midnight = at('2026-06-10T23:00:00Z');
    const waitMs = (midnight - NOON) * 1000;
    const schedule = { by: 'time', firstMs: waitMs, maxMs: waitMs };
    expect(budget.stop(NOON)).toEqual({ reason: SPEND_LIMIT, schedule });
    expect(budget.stop(midnight - 1)?.reason).toBe(SPEND_LIMIT);
    expect(budget.stop(midnight)).toBeNull();
    expect(spend(budget, 0.9, midnight)).toBeNull();
    expect(spend(budget, 0.1, midnight + 10)).toBe(SPEND_LIMIT);
  });

  it('a budget stops at the limit and not a part later, however many prices it is the sum of', () => {
    const budget = new Budget({ ...OFF, spendPerDay: 1 });
    const stops = Array.from({ length: 10 }, () => spend(budget, 0.1, NOON));
    expect(stops.indexOf(SPEND_LIMIT)).toBe(9);
  });

  it('a budget forgets nothing when the clock is set back to another day, until the next midnight', () => {
    const budget = new Budget({ ...OFF, spendPerDay: 1 });
    expect(spend(budget, 0.9, NOON)).toBeNull();
    expect(spend(budget, 0.1, NOON - 86_400)).toBe(SPEND_LIMIT);
    expect(budget.stop(NOON - 86_400 / 2)).toBeNull();
    expect(budget.spent).toBe(0);
  });

  it('a budget knows after a restart what it was told', () => {
    const budget = new Budget({ ...OFF, spendPerDay: 1 });
    budget.recall(0.95, NOON);
    budget.recall(0.2, NOON);
    expect(budget.spent).toBe(0.95);
    expect(budget.holds(SPEND_LIMIT)).toBe(false);
    expect(spend(budget, 0.05, NOON)).toBe(SPEND_LIMIT);
    expect(budget.holds(SPEND_LIMIT)).toBe(true);
    expect(budget.holds('gateway-down')).toBe(false);
  });

  it('a budget stops below the least balance, by the latest word about it', () => {
    const budget = new Budget({ ...OFF, minBalance: 5 });
    const told = (balance: number | null): string | null => {
      budget.told([part({ balance, price: 100 })], NOON);
      return budget.stop(NOON)?.reason ?? null;
    };
    expect([null, 5, 4.99, null, 6].map(told)).toEqual([
      null,
      null,
      LOW_BALANCE,
      LOW_BALANCE,
      null,
    ]);
  });

  it('a budget lets an account be tried again with enough left, if money is what stopped it', () => {
    const budget = new Budget({ ...OFF, minBalance: 5 });
    const asked = (reason: LaneReason): readonly boolean[] =>
      [4.9, 5].map((balance) => budget.isEnough(reason, balance));
    expect(asked(LOW_BALANCE)).toEqual([false, true]);
    expect(asked('quota-exceeded')).toEqual([false, true]);
    expect(asked('http-401')).toEqual([true, true]);
    expect(new Budget(OFF).isEnough('quota-exceeded', 0.1)).toBe(true);
  });
});

describe('an account', () => {
  const setup = (rules: Partial<typeof OFF> | { spendPerDay: number } | { minBalance: number }) => {
    const budget = new Budget({ ...OFF, ...rules });
    const circuit = new AccountCircuit(budget);
    /** An answer to a request that was out already. */
    const late = (id: number, told: Partial<AnswerPart>, now = NOON): readonly unknown[] => {
      const claim = claimOf({ id, claimedAt: now });
      budget.told([part(told)], now);
      const { verdict, changes } = circuit.judge(claim, answered(0), now);
      expect(verdict.route).toBe('await-receipt');
      return changes.map(({ event, reason }) => `${event ?? 'again'} ${reason ?? ''}`);
    };
    const send: typeof late = (id, told, now) => {
      circuit.began(claimOf({ id, claimedAt: now ?? NOON }));
      return late(id, told, now);
    };
    return { budget, circuit, send, late };
  };

  it('an account is suspended when it has spent enough, whatever else is still out', () => {
    const { circuit, send, late } = setup({ spendPerDay: 1 });
    expect(send(1, { price: 0.5 })).toEqual([]);
    expect(send(2, { price: 0.5 })).toEqual(['suspended spend-limit']);
    expect(late(3, { price: 0.5 })).toEqual([]);
    expect(circuit.mayPass('AcmeInc')).toBe('none');
    expect(circuit.stateOf()).toMatchObject({ nextProbeAt: at('2026-06-11T00:00:00Z') });
  });

  it('an account is looked at at midnight, also when the wall clock is set', () => {
    const { circuit, send } = setup({ spendPerDay: 1 });
    send(1, { price: 1 });
    circuit.shift(-3_600);
    expect(circuit.stateOf()).toMatchObject({ nextProbeAt: at('2026-06-11T00:00:00Z') });
  });

  it('an account goes on at midnight with the first message that is accepted', () => {
    const { circuit, send } = setup({ spendPerDay: 1 });
    send(1, { price: 1 });
    const midnight = at('2026-06-11T00:00:00Z');
    circuit.look(null, true, midnight);
    expect(send(2, { price: 0.5 }, midnight)).toEqual(['resumed spend-limit']);
    expect(circuit.mayPass('AcmeInc')).toBe('all');
  });

  it('an account stays suspended when an operator resumes it, also after a pause', () => {
    const { circuit, send } = setup({ spendPerDay: 1 });
    send(1, { price: 1 });
    expect(circuit.isSpent).toBe(true);
    expect(circuit.setPaused(null, false, NOON)).toBeNull();
    expect(circuit.mayPass('AcmeInc')).toBe('none');
    circuit.setPaused(null, true, NOON);
    expect(circuit.setPaused(null, false, NOON)).toMatchObject({
      ...{ event: 'suspended', reason: 'spend-limit' },
    });
    expect(circuit.mayPass('AcmeInc')).toBe('none');
  });

  it('an account stays shut over a restart while the day is not over, and not when the limit was raised', () => {
    for (const [spent, isOpen] of [
      [1, 'none'],
      [0.9, 'one'],
    ] as const) {
      const before = setup({ spendPerDay: 1 });
      before.send(1, { price: 1 });
      const { budget, circuit } = setup({ spendPerDay: 1 });
      budget.recall(spent, NOON);
      circuit.restore(null, before.circuit.stateOf());
      expect(circuit.mayPass('AcmeInc')).toBe(isOpen);
    }
  });

  it('an account with too little left is suspended, and again without a line when a probe tells the same', () => {
    const { circuit, send } = setup({ minBalance: 5 });
    expect(send(1, { balance: 4 })).toEqual(['suspended low-balance']);
    expect(circuit.setPaused(null, false, NOON)).toMatchObject({ state: { nextProbeAt: NOON } });
    expect(circuit.mayPass('AcmeInc')).toBe('none');
    circuit.look(null, true, NOON);
    expect(send(2, { balance: 3.9 })).toEqual(['again low-balance']);
    circuit.look(null, true, NOON + HOUR);
    expect(send(3, { balance: 20 })).toEqual(['resumed low-balance']);
  });
});
