/** What a request carries, as text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsOfBody, fieldsOfQuery, merge } from '../../src/receipts/receipt-fields.ts';

const bodyOf = (text: string): Record<string, string> | null => {
  const fields = fieldsOfBody(Buffer.from(text));
  return fields && Object.fromEntries(fields);
};

describe('a form', () => {
  it('a form is decoded: escapes, plus signs, UTF-8', () => {
    expect(bodyOf('a=1+2%2B3&b=caf%C3%A9&c')).toEqual({ a: '1 2+3', b: 'café', c: '' });
  });

  it('a form keeps a broken escape as it stands', () => {
    expect(bodyOf('a=100%&b=%zz')).toEqual({ a: '100%', b: '%zz' });
  });

  it('a form has the last of several values under one name', () => {
    expect(bodyOf('a=1&b=2&a=3')).toEqual({ a: '3', b: '2' });
  });

  it('a form is refused with more fields than a receipt can have', () => {
    const pairs = (count: number): string =>
      Array.from({ length: count }, (_, at) => `f${at}=1`).join('&');
    expect(fieldsOfBody(Buffer.from(pairs(200)))?.size).toBe(200);
    expect(fieldsOfBody(Buffer.from(pairs(201)))).toBeNull();
    expect(fieldsOfQuery(`/receipts?${pairs(201)}`)).toBeNull();
  });
});

describe('JSON', () => {
  it('JSON gives numbers as the characters that stood there', () => {
    expect(
      bodyOf('{"price":0.0330,"messageId":12345678901234567890,"timestamp":1491346667,"n":-1E+2}'),
    ).toEqual({
      price: '0.0330',
      messageId: '12345678901234567890',
      timestamp: '1491346667',
      n: '-1E+2',
    });
  });

  it('JSON gives booleans as words and null as blank', () => {
    expect(bodyOf('{"a":true,"b":false,"c":null,"d":""}')).toEqual({
      a: 'true',
      b: 'false',
      c: '',
      d: '',
    });
  });

  it('JSON keeps objects and arrays as JSON', () => {
    expect(bodyOf('{"n": 1.50, "a": [1, {"b": 2.5}], "o": {"x": null}}')).toEqual({
      n: '1.50',
      a: '[1,{"b":2.5}]',
      o: '{"x":null}',
    });
  });

  it('JSON may have spaces or a byte order mark before it', () => {
    expect(bodyOf('\uFEFF \r\n{"a":"1"}')).toEqual({ a: '1' });
  });

  it.each(['[]', '[{"status":"delivered"}]', '{', '{"status":"delivered"', '{"a":1}x'])(
    'JSON that is no object, or not whole, is nothing (%s)',
    (text) => expect(bodyOf(text)).toBeNull(),
  );

  it('cut off is not read as a form that it happens to hold', () => {
    expect(bodyOf('{"text":"x&status=delivered&messageId=1')).toBeNull();
  });

  it('JSON is refused when nested too deeply to be written again, without an error', () => {
    const deep = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"n":1}`;
    expect(bodyOf(deep(10))).not.toBeNull();
    expect(() => bodyOf(deep(8_000))).not.toThrow();
    expect(() => bodyOf(deep(100_000))).not.toThrow();
  });
});

describe('anything', () => {
  it('anything may have names that mean something to JavaScript', () => {
    for (const text of [
      '__proto__=1&constructor=2&toString=3',
      '{"__proto__":"1","constructor":2,"toString":"3"}',
    ]) {
      expect([...(fieldsOfBody(Buffer.from(text)) ?? [])]).toEqual([
        ['__proto__', '1'],
        ['constructor', '2'],
        ['toString', '3'],
      ]);
    }
    expect(Object.hasOwn(Object.prototype, '1')).toBe(false);
  });

  it('anything may be empty', () => {
    expect(fieldsOfBody(Buffer.from(' \r\n'))?.size).toBe(0);
    expect(fieldsOfQuery('/receipts')?.size).toBe(0);
    expect(fieldsOfQuery('/receipts?')?.size).toBe(0);
  });

  it('anything never throws, and what it gives is text', () => {
    const bodies = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc.dictionary(fc.string(), fc.jsonValue()).map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        for (const [name, value] of fieldsOfBody(body) ?? []) {
          expect(typeof name).toBe('string');
          expect(typeof value).toBe('string');
        }
      }),
    );
  });

  it('anything says the same as a form and as JSON', () => {
    const dictionary = fc.dictionary(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.string({ unit: 'grapheme' }),
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(dictionary, (fields) => {
        const form = fieldsOfQuery(`/?${new URLSearchParams(fields).toString()}`);
        expect(form).toEqual(fieldsOfBody(Buffer.from(JSON.stringify(fields))));
      }),
    );
  });
});

it('where query and body have a name, the body counts', () => {
  const query = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  const body = new Map([['b', '3']]);
  expect(merge(query, body)).toEqual(
    new Map([
      ['a', '1'],
      ['b', '3'],
    ]),
  );
});
