/** Which receipts are believed. */
import { describe, expect, it } from 'vitest';
import { admit, type Push, type RefusalReason, type Signature } from '../../src/receipts/admit.ts';
import type { Receipt } from '../../src/core/receipt.ts';
import { sign } from '../../src/signature.ts';
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
  const receipt = admit(given, signature);
  if (typeof receipt === 'string') throw new Error(`refused: ${receipt}`);
  return receipt;
};

describe('without a secret', () => {
  it('takes a receipt from the query, from the body, and from both with the body on top', () => {
    expect(admitted(push(FIELDS), UNSIGNED).status).toBe('delivered');
    expect(admitted(push({}, FIELDS), UNSIGNED).status).toBe('delivered');
    const both = admitted(push({ status: 'failed', tenant: '7' }, FIELDS), UNSIGNED);
    expect(both.status).toBe('delivered');
    expect(JSON.parse(both.raw)).toMatchObject({ tenant: '7', status: 'delivered' });
  });

  it('takes one that tells at least one thing', () => {
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
  ])('cannot read %s', (_name, given) => {
    expect(admit(given, UNSIGNED)).toBe('unreadable');
  });
});

describe('with a secret', () => {
  it('takes a signed one from the query and from the body', () => {
    expect(admitted(push(signed())).status).toBe('delivered');
    expect(admitted(push({}, signed())).status).toBe('delivered');
  });

  it('takes one whose body is signed, whatever its URL has beside it, and keeps that', () => {
    const receipt = admitted(push({ tenant: '7' }, signed()));
    expect(JSON.parse(receipt.raw)).toMatchObject({ tenant: '7', status: 'delivered' });
    expect(receipt.digest).toBe(admitted(push({}, signed())).digest);
  });

  it('takes one whose query is signed, or whose query and body are signed together', () => {
    expect(admitted(push(signed(), { extra: '1' })).status).toBe('delivered');
    const whole = { ...FIELDS, tenant: '7' };
    const sig = sign(whole, { method: 'sha256', secret: SECRET });
    expect(admitted(push({ tenant: '7' }, { ...FIELDS, sig })).status).toBe('delivered');
    expect(admitted(push({ tenant: '7', sig }, FIELDS)).status).toBe('delivered');
  });

  it('believes nothing that is not under the signature', () => {
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
  ])('says %s to %s', (reason, _name, given) => {
    expect(admit(given, SIGNED)).toBe(reason);
  });

  it('takes either of two secrets while they change', () => {
    const rotating = { method: 'sha256', secrets: ['the next', SECRET] } as const;
    expect(admitted(push(signed()), rotating).status).toBe('delivered');
  });

  it('takes one that is a day late', () => {
    const late = admit({ ...push(signed()), receivedAt: NOW + 86_400 }, SIGNED);
    expect(late).toMatchObject({ status: 'delivered', receivedAt: NOW + 86_400 });
  });
});

function sigOf(fields: Fields): string {
  return sign(fields, { method: 'sha256', secret: SECRET });
}
