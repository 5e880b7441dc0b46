import { describe, expect, it } from 'vitest';
import type { Claim } from '../../src/core/message/claim.ts';
import { encodeForm, fieldsOf } from '../../src/gateway/form.ts';
import { verify } from '../../src/gateway/signature.ts';
import { claimOf, NOW } from '../support/verdicts.ts';

const DAY_MS = 86_400_000;
const fields = (
  over: Partial<Claim> = {},
  ttlMs: number | null = DAY_MS,
): Readonly<Record<string, string>> =>
  Object.fromEntries(new URLSearchParams(encodeForm(fieldsOf(claimOf(over), ttlMs), null, NOW)));

describe('the fields of a request', () => {
  it('the fields of a request are the message, and nothing that is empty', () => {
    expect(fields({ recipient: '+447700900000' })).toEqual({
      from: 'AcmeInc',
      to: '447700900000',
      text: 'Your table is ready',
      'client-ref': '41.1.tag',
      ttl: '86400000',
    });
  });

  it('name no ttl where there is none', () => {
    expect(fields({}, null)).not.toHaveProperty('ttl');
  });

  it('name unicode only where the text needs it or the row says so', () => {
    expect(fields({ text: 'Grüße, 5 €' })['type']).toBeUndefined();
    expect(fields({ text: 'żółć' })['type']).toBe('unicode');
    expect(fields({ text: 'plain', type: 'unicode' })['type']).toBe('unicode');
    expect(fields({ text: 'żółć', type: 'text' })['type']).toBeUndefined();
  });

  it('hold a body and a header in the place of a text where the message is binary', () => {
    const binary = fields({ type: 'binary', text: 'for people', body: '00ff', udh: '0500' });
    expect(binary).toMatchObject({ type: 'binary', body: '00ff', udh: '0500' });
    expect(binary['text']).toBeUndefined();
  });

  it('pass on what the row says to pass on', () => {
    const over = { messageClass: 0, entityId: 'e', contentId: 'c', accountRef: 'a' };
    expect(fields(over)).toMatchObject({
      'message-class': '0',
      'entity-id': 'e',
      'content-id': 'c',
      'account-ref': 'a',
    });
  });

  it.each([
    [1_000, '20000'],
    [-5_000, '20000'],
    [123_456.7, '123457'],
    [90 * DAY_MS, '604800000'],
  ])('keep ttl within the bounds of the gateway: %d', (ttlMs, expected) => {
    expect(fields({}, ttlMs)['ttl']).toBe(expected);
  });
});

describe('the body', () => {
  it('the body is a form that decodes to the same fields, whatever they hold', () => {
    const text = 'a b+c&d=e%26\n€ 😀 \ud800';
    const body = encodeForm(fieldsOf(claimOf({ text }), DAY_MS), null, NOW);
    expect(new URLSearchParams(body).get('text')).toBe(text.toWellFormed());
    expect(body).not.toContain(' ');
  });

  it('the body is signed with key and time where there is a signer, and only there', () => {
    const signer = { apiKey: 'abcd1234', method: 'sha256', secret: 'secret' } as const;
    const sent = new URLSearchParams(encodeForm(fieldsOf(claimOf(), DAY_MS), signer, NOW + 0.7));
    expect(sent.get('api_key')).toBe('abcd1234');
    expect(sent.get('timestamp')).toBe(String(NOW));
    const key = { method: signer.method, secrets: [signer.secret] };
    expect(verify(Object.fromEntries(sent), key)).toBe(true);
    sent.set('text', 'another');
    expect(verify(Object.fromEntries(sent), key)).toBe(false);
    const plain = new URLSearchParams(encodeForm(fieldsOf(claimOf(), DAY_MS), null, NOW));
    expect([plain.get('sig'), plain.get('api_key'), plain.get('timestamp')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
