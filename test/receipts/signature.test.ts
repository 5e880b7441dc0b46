/** Signatures against the vectors that Vonage's SDKs publish, and against whoever alters what was signed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SignatureMethod } from '../../src/gateway/signature.ts';
import { sign, verify } from '../../src/gateway/signature.ts';

interface Vector {
  readonly name: string;
  readonly method: SignatureMethod;
  readonly secret: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly sig: string;
}

// Published fixtures of Vonage's SDKs (PHP, Ruby, Python, Node), not our own output.
const TESTING = 'my_secret_key_for_testing';
const SET_A = {
  'message-timestamp': '2013-11-21 15:27:30',
  messageId: '020000001B0FE827',
  msisdn: '14843472194',
  text: 'Test again',
  timestamp: '1385047698',
  to: '13239877404',
  type: 'text',
};
const SET_B = {
  api_key: 'fake_api_key',
  to: '14155550100',
  from: 'AcmeInc',
  text: 'Test From Nexmo',
  type: 'text',
  timestamp: '1540924779',
};
const SECRET_B = '71efab63122f1d179f51c46bac838fb5';
const SET_C = {
  keyword: 'TEST',
  'message-timestamp': '2017-04-04 22:57:47',
  messageId: '0B00000042AC53BD',
  msisdn: '14843472194',
  nonce: '929d6744-bd28-42c8-b6cf-31d5b4f43732',
  text: 'Test with & and =',
  timestamp: '1491346667',
  to: '12192259404',
  type: 'text',
};
const SET_D = {
  api_key: 'not_a_key',
  from: '12192259404',
  text: 'Test&test=something',
  timestamp: '1490638615',
  to: '14843472194',
};

const vector = (
  name: string,
  [method, secret]: readonly [SignatureMethod, string],
  parameters: Vector['parameters'],
  sig: string,
): Vector => ({ name, method, secret, parameters, sig });

const RUBY = 'c3d6a686ab9c7e7408bb1c0506e9629a';
const PYTHON = 'signature_secret';
const VECTORS: readonly Vector[] = [
  vector('A', ['md5hash', TESTING], SET_A, 'd2e7b1dc968737c5998ad624e02f90b7'),
  vector('A', ['md5', TESTING], SET_A, 'DDEBD46008C2D4E93CCE578A332A52D5'),
  vector('A', ['sha1', TESTING], SET_A, '27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A'),
  vector(
    'A',
    ['sha256', TESTING],
    SET_A,
    'DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330',
  ),
  vector(
    'A',
    ['sha512', TESTING],
    SET_A,
    'E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481C' +
      'D3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82',
  ),
  vector('B', ['md5hash', SECRET_B], SET_B, '2af9e28662706a74b5211d557b7a7576'),
  vector('B', ['md5', SECRET_B], SET_B, '51CDAFEBB4BBCE9525B195C1617CB8D2'),
  vector('B', ['sha1', SECRET_B], SET_B, '0162AEC64BC183B2E1256545951FE5639DC98020'),
  vector(
    'B',
    ['sha256', SECRET_B],
    SET_B,
    '9FEC5EF6D0F2B3D2BB7558B6E4042569823CAB9EA0DD30503472B7B304601975',
  ),
  vector(
    'B',
    ['sha512', SECRET_B],
    SET_B,
    '40BD12B9A4B6000AD1138EEFD24FFE9FBD72AEE13C3FA04B32BB69DBC256AD0A' +
      '04A463B1A9AF6660D10F6E1E769EE14B9CFF6A635502E93AFCD0BFAB29F38F87',
  ),
  vector('C', ['md5hash', TESTING], SET_C, 'e06d9763e3fd0b9c31beb5fc2fcb011c'),
  vector('D', ['md5hash', TESTING], SET_D, '17f5e3b22f778ec73464c01d180e9d0f'),
  vector('R, an ampersand', ['md5hash', TESTING], { k: '&' }, RUBY),
  vector('R, an equals sign', ['md5hash', TESTING], { k: '=' }, RUBY),
  vector('R, an underscore', ['md5hash', TESTING], { k: '_' }, RUBY),
  vector(
    'P1',
    ['sha256', PYTHON],
    { param1: 'value1', param2: 'value2', timestamp: '1234567890' },
    '280c4320703dbc98bfa22db676655ed2acfbfe8792b062ff7622e67f1183c287',
  ),
  vector(
    'P3',
    ['md5', PYTHON],
    { param: 'value', timestamp: '1234567890' },
    '655a4d0b7f064dff438defc52b012cf5',
  ),
];

describe.each(VECTORS)('vector $name, $method', ({ method, secret, parameters, sig }) => {
  test('vector $name, $method is what signing gives, from a record or a map, whatever the order', () => {
    const backwards = new Map(Object.entries(parameters).reverse());
    expect(sign(parameters, { method, secret })).toBe(sig.toLowerCase());
    expect(sign(backwards, { method, secret })).toBe(sig.toLowerCase());
  });

  test('vector $name, $method is accepted in either case, and only with its own secret, values and length', () => {
    const fits = (change: Readonly<Record<string, string>>, secrets: readonly string[]): boolean =>
      verify({ ...parameters, ...change }, { method, secrets });
    expect(fits({ sig: sig.toUpperCase() }, [secret])).toBe(true);
    expect(fits({ sig: sig.toLowerCase() }, [secret])).toBe(true);
    expect(fits({ sig }, ['another'])).toBe(false);
    expect(fits({ sig }, [])).toBe(false);
    expect(fits({ sig, extra: 'value' }, [secret])).toBe(false);
    expect(fits({ sig: `${sig}00` }, [secret])).toBe(false);
    expect(fits({ sig: `${sig}zz` }, [secret])).toBe(false);
    expect(fits({ sig: sig.slice(0, -1) }, [secret])).toBe(false);
    expect(fits({ sig: '' }, [secret])).toBe(false);
    expect(verify(parameters, { method, secrets: [secret] })).toBe(false);
  });
});

test('a receipt signed with the old or the new secret is accepted while they rotate', () => {
  const key = { method: 'sha256', secrets: ['new', 'old'] } as const;
  for (const secret of key.secrets) {
    const sig = sign(SET_A, { method: 'sha256', secret });
    expect(verify({ ...SET_A, sig }, key)).toBe(true);
  }
});

test('a blank value may have been signed or skipped', () => {
  const key = { method: 'sha1', secrets: [TESTING] } as const;
  const sent = { ...SET_A, scts: '' };
  const skipping = sign(SET_A, { method: 'sha1', secret: TESTING });
  const including = sign(sent, { method: 'sha1', secret: TESTING });
  expect(skipping).not.toBe(including);
  expect(verify({ ...sent, sig: skipping }, key)).toBe(true);
  expect(verify({ ...sent, sig: including }, key)).toBe(true);
});

test('a value of nothing but spaces counts as blank, as in the Java SDK', () => {
  const key = { method: 'sha256', secrets: [TESTING] } as const;
  const sig = sign(SET_A, { method: 'sha256', secret: TESTING });
  expect(verify({ ...SET_A, scts: ' \t', sig }, key)).toBe(true);
});

test.each(Object.keys(SET_C))('an altered or missing %s is noticed', (name) => {
  const key = { method: 'sha256', secrets: [TESTING] } as const;
  const signed = new Map(Object.entries(SET_C));
  signed.set('sig', sign(SET_C, { method: 'sha256', secret: TESTING }));
  const altered = new Map(signed).set(name, `${signed.get(name) ?? ''}0`);
  const missing = new Map(signed);
  missing.delete(name);
  expect(verify(signed, key)).toBe(true);
  expect(verify(altered, key)).toBe(false);
  expect(verify(missing, key)).toBe(false);
});

test('a name cannot swallow the fields that follow it', () => {
  const key = { method: 'sha256', secrets: [TESTING] } as const;
  const sig = sign({ a: '1', b: '2', c: '3' }, { method: 'sha256', secret: TESTING });
  expect(verify({ a: '1', b: '2', c: '3', sig }, key)).toBe(true);
  expect(verify({ 'a=1&b': '2', c: '3', sig }, key)).toBe(false);
});

test.each(['z'.repeat(64), '0'.repeat(64), '0x', 'ｆ'.repeat(64), '\0', '\ud800'.repeat(64)])(
  'a sig that is none (%j) is refused without an error',
  (sig) => {
    expect(verify({ ...SET_A, sig }, { method: 'sha256', secrets: [TESTING] })).toBe(false);
  },
);

test('signing leaves the parameters and a sig among them alone', () => {
  const key = { method: 'sha256', secret: TESTING } as const;
  const parameters = new Map(Object.entries({ ...SET_D, sig: 'whatever' }));
  const before = [...parameters];
  expect(sign(parameters, key)).toBe(sign(SET_D, key));
  expect([...parameters]).toEqual(before);
});

test('whatever was signed is verified, and no other text', () => {
  const methods = ['md5hash', 'md5', 'sha1', 'sha256', 'sha512'] as const;
  const parameters = fc.dictionary(
    fc.string().filter((key) => key !== 'sig'),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(parameters, fc.constantFrom(...methods), fc.string(), (given, method, secret) => {
      const sig = sign(given, { method, secret });
      const signed = new Map([...Object.entries(given), ['sig', sig] as const]);
      expect(verify(signed, { method, secrets: [secret] })).toBe(true);
      signed.set('text', `${signed.get('text') ?? ''}!`);
      expect(verify(signed, { method, secrets: [secret] })).toBe(false);
    }),
  );
});
