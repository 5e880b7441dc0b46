import { describe, expect, test } from 'vitest';
import { audit, type AuditInput, type AuditedAttempt } from '../../src/demo/audit.ts';
import type { State } from '../../src/core/message.ts';

const message = (id: number, state: State, on_uncertain: string | null = null) => ({
  id,
  reference: `order-${id}`,
  state,
  on_uncertain,
});

const attempt = (
  message_id: number,
  number: number,
  follows: number | null = null,
): AuditedAttempt => ({
  message_id,
  number,
  client_ref: `${message_id}.${number}`,
  follows,
});

/* One message, accepted once. */
const HONEST: AuditInput = {
  dropped: [1],
  messages: [message(1, 'await-receipt')],
  attempts: [attempt(1, 1)],
  accepted: ['1.1'],
};

describe('the audit of the demo', () => {
  test('finds nothing where every message was accepted once', () => {
    expect(audit(HONEST)).toEqual({ problems: [], once: 1, doubled: [] });
  });

  test('names what was accepted twice, and lets it pass where the second time is marked', () => {
    const attempts = [attempt(1, 1), attempt(1, 2, 1)];
    expect(audit({ ...HONEST, attempts, accepted: ['1.1', '1.2'] })).toEqual({
      problems: [],
      once: 0,
      doubled: ['order-1'],
    });
  });

  test.each<[string, Partial<AuditInput>, string]>([
    [
      'a message accepted twice without a mark',
      { attempts: [attempt(1, 1), attempt(1, 2)], accepted: ['1.2', '1.1'] },
      'order-1 was accepted 2 times and is not marked as a possible duplicate',
    ],
    ['a row that is gone', { dropped: [1, 2] }, 'message 2 is lost: no row of it is left'],
    [
      'a message that the gateway never accepted',
      { accepted: [] },
      'order-1 is await-receipt, but the gateway never accepted it',
    ],
    [
      'a message that went out after all',
      { messages: [message(1, 'cancelled')] },
      'order-1 is cancelled, but the gateway accepted it',
    ],
    [
      'an attempt that left twice',
      { accepted: ['1.1', '1.1'], attempts: [attempt(1, 1, 1)] },
      'attempt 1 of message 1 left twice',
    ],
    [
      'a request that nobody stands for',
      { accepted: ['1.1', 'stranger'] },
      'the gateway accepted a request that no attempt stands for',
    ],
    [
      'a message that got stuck',
      { messages: [message(1, 'uncertain')] },
      'order-1 is stuck in uncertain',
    ],
  ])('finds %s', (_what, lie, problem) => {
    expect(audit({ ...HONEST, ...lie }).problems).toEqual([problem]);
  });

  test('knows that a held message stays uncertain', () => {
    const messages = [message(1, 'uncertain', 'hold')];
    expect(audit({ ...HONEST, messages }).problems).toEqual([]);
  });
});
