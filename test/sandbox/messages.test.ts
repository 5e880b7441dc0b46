import { expect, test } from 'vitest';
import { signatureOf } from '../../src/sandbox/sandbox-signature.ts';
import {
  BASIC,
  KEY,
  MESSAGE,
  ask,
  SECRET,
  elements,
  elementsOf,
  post,
  setup,
  statuses,
} from './support.ts';

const fieldsB = new Map([
  ['api_key', 'fake_api_key'],
  ['to', '14155550100'],
  ['from', 'AcmeInc'],
  ['text', 'Test From Nexmo'],
  ['type', 'text'],
  ['timestamp', '1540924779'],
]);

// Reference §6.2, set B, from the fixtures of Vonage's PHP SDK.
test.each([
  ['md5hash', '2af9e28662706a74b5211d557b7a7576'],
  ['md5', '51cdafebb4bbce9525b195c1617cb8d2'],
  ['sha1', '0162aec64bc183b2e1256545951fe5639dc98020'],
  ['sha256', '9fec5ef6d0f2b3d2bb7558b6e4042569823cab9ea0dd30503472b7b304601975'],
] as const)('signs as the API does with %s', (method, expected) => {
  expect(signatureOf(fieldsB, '71efab63122f1d179f51c46bac838fb5', method)).toBe(expected);
});

test('the sandbox turns & and = of a signed value into _', () => {
  const secret = 'my_secret_key_for_testing';
  for (const value of ['&', '=', '_']) {
    expect(signatureOf(new Map([['k', value]]), secret, 'md5hash')).toBe(
      'c3d6a686ab9c7e7408bb1c0506e9629a',
    );
  }
});

test('the sandbox takes a good signature in upper case, and answers 14 to a bad one', async () => {
  const { sandbox } = await setup({
    accounts: { fake_api_key: { signatureSecret: '71efab63122f1d179f51c46bac838fb5' } },
  });
  const signed = Object.fromEntries(fieldsB);
  const sig = '9FEC5EF6D0F2B3D2BB7558B6E4042569823CAB9EA0DD30503472B7B304601975';
  const good = await post(sandbox, { ...signed, sig }, {});
  expect(elementsOf(good)[0]).toMatchObject({ status: '0' });
  const bad = await post(sandbox, { ...signed, text: 'changed', sig }, {});
  expect(elementsOf(bad)[0]).toMatchObject({ status: '14', 'error-text': 'Invalid Signature' });
});

test('the sandbox answers 14 to every signature when the account has no secret for signing', async () => {
  const { sandbox } = await setup();
  const fields = { ...MESSAGE, api_key: KEY, timestamp: '1', sig: 'ab' };
  expect(elementsOf(await post(sandbox, fields, {}))[0]).toMatchObject({ status: '14' });
});

test('the sandbox answers 32 to a signature beside a secret, in the body or in the header', async () => {
  const { sandbox } = await setup();
  const signed = { ...MESSAGE, api_key: KEY, timestamp: '1', sig: 'ab' };
  const both = await post(sandbox, { ...signed, api_secret: SECRET }, {});
  expect(elementsOf(both)[0]).toMatchObject({ status: '32' });
  expect(elementsOf(await post(sandbox, signed))[0]).toMatchObject({ status: '32' });
});

test('the sandbox takes key and secret from the body, and answers 2 when there are none', async () => {
  const { sandbox } = await setup();
  const fields = { ...MESSAGE, api_key: KEY, api_secret: SECRET };
  expect(elementsOf(await post(sandbox, fields, {}))[0]).toMatchObject({ status: '0' });
  expect(elementsOf(await post(sandbox, MESSAGE, {}))[0]).toMatchObject({
    status: '2',
    'error-text': 'Missing api_key',
  });
});

test.each([
  [{ to: '' }, '2', 'Missing to param'],
  [{ from: '' }, '2', 'Missing from param'],
  [{ text: '' }, '2', 'Missing text param'],
  [{ to: '+447700900001' }, '3', 'to address is not numeric'],
  [{ to: '123456' }, '3', 'Invalid to address'],
  [{ from: 'TwelveLetter' }, '15', 'Illegal Sender Address - rejected'],
  [{ from: '1234567890123456' }, '15', 'Illegal Sender Address - rejected'],
  [{ ttl: '19999' }, '16', 'Invalid TTL'],
  [{ ttl: '604800001' }, '16', 'Invalid TTL'],
  [{ 'message-class': '4' }, '20', 'Invalid Message Class'],
  [{ callback: 'example.com/receipts' }, '23', 'Bad callback :: Missing Protocol'],
  [{ text: 'a'.repeat(3201) }, '12', 'Message too long'],
  [{ type: 'binary' }, '2', 'Missing body param'],
  [{ type: 'binary', body: 'xyz' }, '3', 'body or udh is not hexadecimal'],
  [{ type: 'binary', udh: '0500', body: 'ab'.repeat(139) }, '12', 'Message too long'],
  [{ type: 'wappush' }, '3', 'Invalid type param'],
])('the sandbox refuses %o with status %s', async (fields, status, text) => {
  const { sandbox } = await setup();
  const [element] = await elements(sandbox, fields);
  expect(element).toMatchObject({ status, 'error-text': text });
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 0, refused: { [status]: 1 } });
});

test('the sandbox takes what is just within bounds', async () => {
  const { sandbox } = await setup();
  const fine = [
    { ttl: '20000', 'message-class': '0', from: 'ElevenChars' },
    { ttl: '604800000', callback: 'https://example.com/receipts', to: '1234567' },
    { type: 'binary', udh: '0500', body: 'ab'.repeat(138) },
    { text: '😀'.repeat(3200), type: 'unicode' },
  ];
  for (const fields of fine) {
    expect(new Set(await statuses(sandbox, fields))).toEqual(new Set(['0']));
  }
});

test('the sandbox repeats client-ref and account-ref on every part, and counts the parts as text', async () => {
  const { sandbox } = await setup();
  const fields = { ...MESSAGE, text: 'ж'.repeat(71), type: 'unicode' };
  const answer = await post(sandbox, { ...fields, 'client-ref': 'a-1', 'account-ref': 'shop' });
  expect(JSON.parse(answer.text)).toMatchObject({
    'message-count': '2',
    messages: [
      { status: '0', 'client-ref': 'a-1', 'account-ref': 'shop' },
      { status: '0', 'client-ref': 'a-1', 'account-ref': 'shop' },
    ],
  });
  expect(answer.headers['x-nexmo-trace-id']).toMatch(/^[0-9a-f]{32}$/);
});

test('the sandbox takes a JSON object with numbers in it, and answers 400 to JSON that is none', async () => {
  const { sandbox } = await setup();
  const headers = { authorization: BASIC, 'content-type': 'application/json' };
  const send = (body: string) => ask(`${sandbox.url}/sms/json`, { method: 'POST', headers, body });
  const good = await send(JSON.stringify({ ...MESSAGE, ttl: 20_000, 'message-class': 1 }));
  expect(elementsOf(good)[0]).toMatchObject({ status: '0' });
  expect((await send('{"to":')).httpStatus).toBe(400);
});

test('the sandbox takes the price of each part until the credit is below it, then answers 9', async () => {
  const { sandbox } = await setup({ accounts: { [KEY]: { balance: 0.15, price: 0.05 } } });
  expect(await statuses(sandbox, { text: 'a'.repeat(161) })).toEqual(['0', '0']);
  expect(await elements(sandbox, { text: 'a'.repeat(161) })).toEqual([
    {
      to: MESSAGE.to,
      status: '9',
      'error-text': 'Quota Exceeded - rejected',
      'remaining-balance': '0.05000000',
      'message-price': '0.05000000',
      network: '23410',
    },
  ]);
  expect(await statuses(sandbox)).toEqual(['0']);
  expect(await statuses(sandbox)).toEqual(['9']);
  await sandbox.configure({ accounts: { [KEY]: { balance: 1 } } });
  expect(await statuses(sandbox)).toEqual(['0']);
});

test('the sandbox answers 413 to a body above 64 KiB and goes on', async () => {
  const { sandbox } = await setup();
  const answer = await post(sandbox, { ...MESSAGE, text: 'a'.repeat(70_000) });
  expect(answer.httpStatus).toBe(413);
  expect(await statuses(sandbox)).toEqual(['0']);
  expect(sandbox.ledger.counters.requests).toBe(1);
});
