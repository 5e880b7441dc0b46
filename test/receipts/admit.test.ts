/** Which receipts are believed. */
import { describe, expect, it } from 'vitest';
import { admit, type Push, type RefusalReason, type Signature } from '../../src/receipts/admit.ts';
import type { Receipt } from '../../src/core/receipt/receipt.ts';
import { sign } from '../../src/gateway/signature.ts';
import { FIELDS, NOW, SECRET, SIGNED, UNSIGNED, signed } from './setup.ts';

type Fields = Readonly<Record<string, string>>;

/** A push of a query, of a body, or of both. */
function push(query: Fields, body: Fields | null = null): Push {
  const text = body && new URLSearchParams(body).toString();
  return {
    url: `/receipts?${new URLSearchParams(query).toString()}`,
    body: text === null ? null : Buffer.from(text),
    receivedAt: NOW,
  };
}

const admitted = (given: Push, signature: Signature = SIGNED): Receipt => {
  const said = admit(given, signature);
  if (typeof said === 'string') throw new Error(`refused: ${said}`);
  return said.receipt;
};

describe('the listener without a secret', () => {
  it('the listener without a secret takes a receipt from the query, from the body, and from both with the body on top', () => {
    expect(admitted(push(FIELDS), UNSIGNED).status).toBe('delivered');
    expect(admitted(push({}, FIELDS), UNSIGNED).status).toBe('delivered');
    const both = admitted(push({ status: 'failed', tenant: '7' }, FIELDS), UNSIGNED);
    expect(both.status).toBe('delivered');
    expect(JSON.parse(both.raw)).toMatchObject({ tenant: '7', status: 'delivered' });
  });

  it('the listener without a secret takes one that tells at least one thing', () => {
    for (const fields of [{ messageId: '0A' }, { 'client-ref': 'r' }, { status: 'failed' }]) {
      expect(admitted(push(fields), UNSIGNED)).toBeTruthy();
    }
  });

  it.each<[string, Push]>([
    ['nothing', push({})],
    ['nothing that a receipt has', push({ text: 'hello', price: '1' })],
    ['blanks', push({ messageId: ' ', 'client-ref': '', status: '' })],
    ['a body that is no JSON', { url: '/', body: Buffer.from('{"status":'), receivedAt: NOW }],
    ['a broken body beside a good query', { ...push(FIELDS), body: Buffer.from('[') }],
  ])('the listener without a secret cannot read %s', (_name, given) => {
    expect(admit(given, UNSIGNED)).toBe('unreadable');
  });
});

describe('the listener with a secret', () => {
  it('the listener with a secret takes a signed one from the query and from the body', () => {
    expect(admitted(push(signed())).status).toBe('delivered');
    expect(admitted(push({}, signed())).status).toBe('delivered');
  });

  it('the listener with a secret takes one whose body is signed, whatever its URL has beside it, and keeps that', () => {
    const receipt = admitted(push({ tenant: '7' }, signed()));
    expect(JSON.parse(receipt.raw)).toMatchObject({ tenant: '7', status: 'delivered' });
    expect(receipt.digest).toBe(admitted(push({}, signed())).digest);
  });

  it('the listener with a secret takes one whose query is signed, or whose query and body are signed together', () => {
    expect(admitted(push(signed(), { extra: '1' })).status).toBe('delivered');
    const whole = { ...FIELDS, tenant: '7' };
    const sig = sign(whole, { method: 'sha256', secret: SECRET });
    expect(admitted(push({ tenant: '7' }, { ...FIELDS, sig })).status).toBe('delivered');
    expect(admitted(push({ tenant: '7', sig }, FIELDS)).status).toBe('delivered');
  });

  it('the listener with a secret believes nothing that is not under the signature', () => {
    const { 'client-ref': ref = '', ...others } = FIELDS;
    const receipt = admitted(push({ 'client-ref': ref }, signed(others)));
    expect(receipt.clientRef).toBeNull();
    expect(JSON.parse(receipt.raw)).toMatchObject({ 'client-ref': ref });
    const swapped = admitted(push(signed(), { status: 'failed' }));
    expect(swapped.status).toBe('delivered');
  });

  it.each<[RefusalReason, string, Push]>([
    ['unsigned', 'no signature', push(FIELDS)],
    ['bad-signature', 'an altered value', push({ ...signed(), status: 'failed' })],
    ['bad-signature', 'a value put in', push({ ...signed(), extra: '1' })],
    ['bad-signature', 'a blank signature', push({ ...FIELDS, sig: '' })],
    ['bad-signature', "another's signature", push({ ...FIELDS, sig: '0'.repeat(64) })],
    ['unreadable', 'a signature under nothing', push(FIELDS, { sig: sigOf({}) })],
    ['unreadable', 'nothing of a receipt, signed', push({ a: '1', sig: sigOf({ a: '1' }) })],
  ])('the listener with a secret says %s to %s', (reason, _name, given) => {
    expect(admit(given, SIGNED)).toBe(reason);
  });

  it('the listener with a secret takes either of two secrets while they change', () => {
    const rotating = { method: 'sha256', secrets: ['the next', SECRET] } as const;
    expect(admitted(push(signed()), rotating).status).toBe('delivered');
  });

  it('the listener with a secret takes one that is a day late', () => {
    const late = admit({ ...push(signed()), receivedAt: NOW + 86_400 }, SIGNED);
    expect(late).toMatchObject({ receipt: { status: 'delivered', receivedAt: NOW + 86_400 } });
  });
});

function sigOf(fields: Fields): string {
  return sign(fields, { method: 'sha256', secret: SECRET });
}

describe('what is no delivery receipt of the SMS API', () => {
  const inbound = {
    ...{ msisdn: '447700900101', to: '447700900999', messageId: '0B00000000000001', text: 'STOP' },
    ...{ type: 'text', keyword: 'STOP', 'api-key': 'abcd1234' },
    'message-timestamp': '2026-11-29 14:00:00',
  };
  const inboundBinary = {
    ...inbound,
    type: 'binary',
    data: 'AB',
    udh: '05',
    text: '',
    keyword: '',
  };
  const status = {
    ...{
      message_uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab',
      to: '447700900000',
      from: 'AcmeInc',
    },
    ...{ timestamp: '2025-02-03T12:14:25Z', status: 'rejected', channel: 'sms', client_ref: 'k3' },
    error: { type: 'https://developer.vonage.com/api-errors/messages#1250', title: '1250' },
    usage: { currency: 'EUR', price: '0.0333' },
  };
  const inboundV1 = {
    ...{ channel: 'sms', message_uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab', text: 'STOP' },
    ...{ to: '447700900999', from: '447700900101', timestamp: '2025-02-03T12:14:25Z' },
    sms: { num_messages: '1', keyword: 'STOP' },
  };
  const inboundV01 = {
    ...{ message_uuid: 'aaaaaaaa', from: { type: 'sms', number: '447700900101' } },
    ...{ direction: 'inbound', message: { content: { type: 'text', text: 'STOP' } } },
  };
  const json = (value: unknown): Push => ({
    url: '/receipts',
    body: Buffer.from(`\uFEFF${JSON.stringify(value)}`),
    receivedAt: NOW,
  });
  const strayIn = (given: Push, signature: Signature): unknown => {
    const said = admit(given, signature);
    return typeof said === 'string' ? said : said.stray;
  };

  it.each<[string, string, Push]>([
    ['inbound-sms', 'an inbound SMS in a query', push(inbound)],
    ['inbound-sms', 'an inbound SMS in a form', push({}, inbound)],
    ['inbound-sms', 'an inbound SMS in JSON', json(inbound)],
    ['inbound-sms', 'an inbound binary SMS', push(inboundBinary)],
    ['inbound-sms', 'an inbound SMS without a text', push({ ...inbound, text: '', keyword: '' })],
    ['messages-api', 'a status of the Messages API', json(status)],
    ['messages-api', 'an inbound message of the Messages API', json(inboundV1)],
    ['messages-api', 'an inbound message of its version 0.1', json(inboundV01)],
  ])(
    'what is no delivery receipt of the SMS API is called %s: %s, signed receipts or not',
    (reason, _name, given) => {
      expect(strayIn(given, UNSIGNED)).toBe(reason);
      expect(admit(given, SIGNED)).toBe(reason);
    },
  );

  it('what is no delivery receipt of the SMS API is stored where its signature fits', () => {
    const whole = { ...inbound, timestamp: '1795425302', nonce: 'a3f1' };
    const sig = sign(whole, { method: 'sha256', secret: SECRET });
    expect(strayIn(push({ ...whole, sig }), SIGNED)).toBe('inbound-sms');
    expect(admit(push({ ...whole, sig }), SIGNED)).toMatchObject({
      receipt: { gatewayId: '0B00000000000001' },
    });
  });

  it('what is no delivery receipt of the SMS API is told from a receipt that has a field more', () => {
    for (const more of [{ text: 'x' }, { type: 'text' }, { keyword: '' }]) {
      expect(strayIn(push({ ...FIELDS, ...more }), UNSIGNED)).toBeNull();
    }
  });
});

it('a signed receipt with blank fields put in says the same, under the same signature', () => {
  const whole = signed();
  const digests = ['a', 'zz', 'err-code ', 'x y'].map(
    (name) => admitted(push({ ...whole, [name]: ' ' })).digest,
  );
  expect(new Set([...digests, admitted(push(whole)).digest]).size).toBe(1);
});
