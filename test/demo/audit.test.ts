/** A spool that lies about what the gateway accepted is found out by the audit of the demo. */
import { describe, expect, test } from 'vitest';
import {
  audit,
  type AcceptedRequest,
  type AuditedAttempt,
  type AuditedMessage,
  type AuditInput,
} from '../../src/demo/audit.ts';
import type { State } from '../../src/core/message/message.ts';

const message = (id: number, state: State, more: Partial<AuditedMessage> = {}): AuditedMessage => ({
  id,
  reference: `order-${id}`,
  state,
  price: 0.05,
  duplicates: 0,
  ...more,
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

const accepted = (clientRef: string, isDelivered = true): AcceptedRequest => ({
  clientRef,
  isDelivered,
  price: 0.05,
});

/* One message, accepted and delivered once. */
const HONEST: AuditInput = {
  inserted: [1],
  messages: [message(1, 'delivered')],
  attempts: [attempt(1, 1)],
  accepted: [accepted('1.1')],
};

/* Sent again because its answer was lost; the first attempt had been accepted, too. */
const DOUBLED: AuditInput = {
  ...HONEST,
  messages: [message(1, 'delivered', { price: 0.1, duplicates: 1 })],
  attempts: [attempt(1, 1), attempt(1, 2, 1)],
  accepted: [accepted('1.1', false), accepted('1.2')],
};

describe('the audit of the demo', () => {
  test('the audit of the demo finds nothing where every message was accepted once', () => {
    expect(audit(HONEST)).toEqual({ problems: [], once: 1, doubled: [] });
  });

  test('the audit of the demo names what was accepted twice, and lets it pass where the second time is marked', () => {
    expect(audit(DOUBLED)).toEqual({ problems: [], once: 0, doubled: ['order-1'] });
  });

  test.each<[string, AuditInput, string]>([
    [
      'a message accepted twice without a mark',
      { ...DOUBLED, attempts: [attempt(1, 1), attempt(1, 2)] },
      'order-1 was accepted 2 times and is not marked as a possible duplicate',
    ],
    [
      'a duplicate that was not written down',
      { ...DOUBLED, messages: [message(1, 'delivered', { price: 0.1 })] },
      'order-1 was doubled 1 times, and the spool counts 0',
    ],
    [
      'a duplicate that was none',
      { ...HONEST, messages: [message(1, 'delivered', { duplicates: 1 })] },
      'order-1 was doubled 0 times, and the spool counts 1',
    ],
    ['a row that is gone', { ...HONEST, inserted: [1, 2] }, 'message 2 is lost: its row is gone'],
    [
      'a message that the gateway never accepted',
      {
        ...HONEST,
        messages: [message(1, 'undelivered', { price: null })],
        accepted: [],
      },
      'order-1 is undelivered, but the gateway never accepted it',
    ],
    [
      'a message that went out after all',
      {
        ...HONEST,
        messages: [message(1, 'cancelled')],
        accepted: [accepted('1.1', false)],
      },
      'order-1 is cancelled, but the gateway accepted it',
    ],
    [
      'a message that was delivered after all',
      { ...HONEST, messages: [message(1, 'unconfirmed')] },
      'order-1 is unconfirmed, but the gateway delivered it',
    ],
    [
      'a delivery that nobody made',
      { ...HONEST, accepted: [accepted('1.1', false)] },
      'order-1 is delivered, but the gateway did not deliver it',
    ],
    [
      'a price that was not counted',
      { ...DOUBLED, messages: [message(1, 'delivered', { duplicates: 1 })] },
      'order-1 cost 0.1000 EUR, and the spool says 0.0500',
    ],
    [
      'an attempt that left twice',
      {
        ...DOUBLED,
        attempts: [attempt(1, 1, 1)],
        accepted: [accepted('1.1'), accepted('1.1')],
      },
      'attempt 1 of message 1 left twice',
    ],
    [
      'a request that nobody stands for',
      { ...HONEST, accepted: [accepted('1.1'), accepted('stranger')] },
      'the gateway accepted a request without an attempt in the spool',
    ],
    [
      'an uncertain message that got stuck',
      { ...HONEST, messages: [message(1, 'uncertain')] },
      'order-1 is stuck in uncertain',
    ],
    [
      'a message whose receipt was not heeded',
      { ...HONEST, messages: [message(1, 'await-receipt')] },
      'order-1 is stuck in await-receipt',
    ],
  ])('the audit of the demo finds %s', (_what, lie, problem) => {
    expect(audit(lie).problems).toEqual([problem]);
  });

  test('the audit of the demo knows that a held message ends unconfirmed, accepted or not', () => {
    const unsent = { ...HONEST, messages: [message(1, 'unconfirmed', { price: null })] };
    expect(audit({ ...unsent, accepted: [] }).problems).toEqual([]);
  });
});
