/** What happens next to a message in each state. */
import { describe, expect, it } from 'vitest';
import { STATES, type State } from '../../../src/core/message/message.ts';
import { nextStepOf, type LapseFacts } from '../../../src/core/answer/next-step.ts';

const HOUR_S = 3_600;
const FACTS: LapseFacts = {
  onUncertain: 'resend',
  isCancelAsked: false,
  isAnswered: false,
  attempts: 1,
  deadline: 100 * HOUR_S,
  since: 0,
  policy: {
    retry: { maxAttempts: 8, firstDelayMs: 1_000, factor: 2, maxDelayMs: 60_000 },
    onUncertain: 'resend',
    uncertainAfterMs: HOUR_S * 1_000,
    lookAfterMs: null,
    receipts: { expect: true, timeoutMs: 72 * HOUR_S * 1_000 },
  },
};

describe('what happens next', () => {
  it('what happens next is known of each state but those that wait to be sent', () => {
    const unknown = STATES.filter((state) => nextStepOf(state, null, FACTS) === null);
    expect(unknown).toEqual(['queued', 'retry']);
    const final = STATES.filter((state) => nextStepOf(state, null, FACTS)?.isFinal === true);
    expect(final).toEqual([
      ...['delivered', 'undelivered', 'unconfirmed', 'permanent-failure', 'expired', 'cancelled'],
    ]);
    expect(nextStepOf('no state at all' as State, null, FACTS)).toBeNull();
  });

  it.each<[string, Partial<LapseFacts>, number | null, readonly [string, number]]>([
    ['resend', {}, null, ['sent again', HOUR_S]],
    ['resend, looked at later', {}, 2 * HOUR_S, ['sent again', 2 * HOUR_S]],
    ['resend, looked at before its time', {}, 60, ['sent again', HOUR_S]],
    ['hold', { onUncertain: 'hold' }, null, ['unconfirmed', 72 * HOUR_S]],
    ['the default', { onUncertain: null }, null, ['sent again', HOUR_S]],
    ['out of attempts', { attempts: 8 }, null, ['unconfirmed', 72 * HOUR_S]],
    ['expired by then', { deadline: HOUR_S / 2 }, null, ['unconfirmed', 72 * HOUR_S]],
    ['cancelled', { isCancelAsked: true }, null, ['unconfirmed', 72 * HOUR_S]],
  ])('what happens next to an uncertain message with %s', (_name, facts, dueAt, [what, at]) => {
    const next = nextStepOf('uncertain', dueAt, { ...FACTS, ...facts });
    expect(next?.what).toContain(what);
    expect(next?.at).toBe(at);
  });

  it('what happens next to one that waits for its last receipt, when its time is up', () => {
    expect(nextStepOf('await-receipt', 99, FACTS)).toMatchObject({ at: 99, isFinal: false });
  });
});
