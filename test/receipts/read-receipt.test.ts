/** Fields become a receipt, whatever they are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Receipt } from '../../src/core/receipt/receipt.ts';
import { isEmpty, readReceipt } from '../../src/receipts/read-receipt.ts';
import { FIELDS, NOW } from './setup.ts';

const read = (fields: Readonly<Record<string, string>>): Receipt =>
  readReceipt(new Map(Object.entries(fields)), NOW);

describe('a receipt of the gateway', () => {
  it('a receipt of the gateway is understood whole', () => {
    expect(read({ ...FIELDS, sig: 'ABCDEF', extra: 'kept' })).toEqual({
      receivedAt: NOW,
      gatewayId: '0A0000001234567B',
      clientRef: '41-1-k3v9q2m7x0w8',
      recipient: '447700900000',
      apiKey: 'abcd1234',
      status: 'delivered',
      code: 0,
      price: 0.0333,
      network: '23410',
      digest: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      raw:
        '{"api-key":"abcd1234","client-ref":"41-1-k3v9q2m7x0w8","err-code":"0","extra":"kept",' +
        '"message-timestamp":"2026-11-23 09:15:02","messageId":"0A0000001234567B",' +
        '"msisdn":"447700900000","network-code":"23410","price":"0.03330000","scts":"2611230914",' +
        '"status":"delivered","to":"AcmeInc"}',
    });
  });

  it('a receipt of the gateway may name its ids in the other two ways', () => {
    const receipt = read({ 'message-id': '0A', clientRef: 'ours' });
    expect(receipt).toMatchObject({ gatewayId: '0A', clientRef: 'ours' });
  });

  it('a receipt of the gateway says its status in any case, or by a synonym', () => {
    expect(read({ status: 'DELIVRD' }).status).toBe('delivered');
    expect(read({ status: ' Buffered ' }).status).toBe('buffered');
    expect(read({ status: 'something-new' }).status).toBe('something-new');
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'a receipt of the gateway says it in text, even if it is %s',
    (status) => expect(read({ status }).status).toBe(status.toLowerCase()),
  );

  it('a receipt of the gateway may write its recipient with a plus sign', () => {
    expect(read({ msisdn: '+447700900000' }).recipient).toBe('447700900000');
  });

  it('a receipt of the gateway leaves null what it does not tell', () => {
    expect(read({ status: 'failed' })).toMatchObject({
      gatewayId: null,
      clientRef: null,
      recipient: null,
      apiKey: null,
      code: null,
      price: null,
      network: null,
    });
  });
});

describe('a value that cannot be what its name says', () => {
  it.each(['', ' ', '-1', '1.5', '0x10', '1e3', 'zero', '1234567', '٣'])(
    'a value that cannot be what its name says is no err-code (%j)',
    (text) => expect(read({ 'err-code': text }).code).toBeNull(),
  );

  it.each(['', '-0.1', 'free', '0x1', 'Infinity', 'NaN', '1e999', '0,03', '1'.repeat(400)])(
    'a value that cannot be what its name says is no price (%j)',
    (text) => expect(read({ price: text }).price).toBeNull(),
  );

  it.each(['', '+', '44 7700', "447'; DROP TABLE messages", '1'.repeat(21)])(
    'a value that cannot be what its name says is no recipient (%j)',
    (text) => expect(read({ msisdn: text }).recipient).toBeNull(),
  );

  it.each(['', '   ', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(201), '\u202e'])(
    'a value that cannot be what its name says is no id, is not cut to one, and stays in raw (%j)',
    (text) => {
      const receipt = read({ messageId: text, 'client-ref': text, status: text, 'api-key': text });
      expect(receipt).toMatchObject({ gatewayId: null, clientRef: null, status: null });
      expect(isEmpty(receipt)).toBe(true);
      expect((JSON.parse(receipt.raw) as { messageId: string }).messageId).toBe(text);
    },
  );

  it('a value that cannot be what its name says is passed over for the same under its other name', () => {
    expect(read({ messageId: '', 'message-id': '0A' }).gatewayId).toBe('0A');
  });
});

describe('the digest', () => {
  const digest = (change: Readonly<Record<string, string>>): string =>
    read({ ...FIELDS, ...change }).digest;

  it('the digest is the same when the same is pushed again, signed again and in another order', () => {
    const again = {
      sig: 'A',
      nonce: 'n2',
      timestamp: '9',
      'message-timestamp': '2026-11-24 00:00:00',
    };
    const backwards = Object.fromEntries(Object.entries(FIELDS).reverse());
    expect(digest(again)).toBe(digest({}));
    expect(read(backwards).digest).toBe(digest({}));
  });

  it('differs with anything else that is understood', () => {
    const others = [
      { status: 'failed' },
      { 'err-code': '1' },
      { messageId: '0B' },
      { 'client-ref': 'another' },
      { msisdn: '447700900001' },
      { 'api-key': 'another' },
      { price: '0.04' },
      { 'network-code': '23415' },
    ].map(digest);
    expect(new Set([...others, digest({})]).size).toBe(others.length + 1);
  });

  it('fields that are blank or not understood do not change what a receipt says', () => {
    for (const more of [{ extra: '1' }, { a: '' }, { 'a b': ' ', c: '' }, { scts: '2611230915' }]) {
      expect(digest(more)).toBe(digest({}));
    }
  });

  it('characters that are the same to a signature do not change what a receipt says', () => {
    const said = ['order_4', 'order&4', 'order=4'].map((ref) => digest({ 'client-ref': ref }));
    expect(new Set(said).size).toBe(1);
  });

  it('the digest does not confuse where a value ends and the next begins', () => {
    const one = read({ messageId: 'a","b', status: 'failed' });
    expect(one.digest).not.toBe(
      read({ messageId: 'a', 'client-ref': 'b', status: 'failed' }).digest,
    );
  });
});

it('raw is JSON of at most 4,000 bytes, however much came', () => {
  const many = Object.fromEntries(
    Array.from({ length: 190 }, (_, at) => [`n${at}`, 'é'.repeat(80)]),
  );
  const { raw } = read({ ...FIELDS, ...many });
  expect(Buffer.byteLength(raw)).toBeLessThanOrEqual(4_000);
  expect(JSON.parse(raw)).toMatchObject({
    'api-key': 'abcd1234',
    'client-ref': FIELDS['client-ref'],
  });
});

it('what raw keeps may be more than what is believed', () => {
  const believed = new Map(Object.entries({ status: 'failed' }));
  const all = new Map(Object.entries({ status: 'failed', messageId: '0A' }));
  const receipt = readReceipt(believed, NOW, all);
  expect(receipt).toMatchObject({ gatewayId: null, raw: '{"messageId":"0A","status":"failed"}' });
  expect(receipt.digest).toBe(readReceipt(believed, NOW).digest);
});

it('whatever the fields, every text of a receipt is well-formed, bounded and free of controls', () => {
  const name = fc.oneof(fc.constantFrom(...Object.keys(FIELDS)), fc.string({ unit: 'binary' }));
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string());
  fc.assert(
    fc.property(fc.dictionary(name, value), (fields) => {
      const { receivedAt, digest, raw, code, price, ...texts } = read(fields);
      expect(receivedAt).toBe(NOW);
      expect(digest).toHaveLength(32);
      expect(new Map(Object.entries(JSON.parse(raw) as object)).has('sig')).toBe(false);
      expect(raw.isWellFormed()).toBe(true);
      for (const number of [code, price]) expect(number ?? 0).toBeGreaterThanOrEqual(0);
      for (const text of Object.values(texts)) {
        expect(text ?? 'nothing').toMatch(/^\P{C}{1,200}$/u);
      }
    }),
  );
});
