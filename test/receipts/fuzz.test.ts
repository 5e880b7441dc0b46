/**
 * Receipts that nobody should send, over real HTTP: each is refused or harmless, and after each a good one
 * still goes through.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Receipt } from '../../src/core/receipt/receipt.ts';
import { sign } from '../../src/gateway/signature.ts';
import {
  FIELDS,
  SECRET,
  SIGNED,
  ask,
  dial,
  get,
  listen,
  post,
  postForm,
  postJson,
  signed,
  untilClosed,
  type Answer,
  type Bench,
} from './setup.ts';

type Fields = Readonly<Record<string, string>>;

const RUNS = { numRuns: 60 };

const send = fc.constantFrom(get, postForm, postJson);
const name = fc.constantFrom(...Object.keys(signed()));
const hostile = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    "'; DROP TABLE messages; --",
    "1' OR '1'='1",
    'x"); DELETE FROM receipts; --',
    '%s%n\\x00\0',
    '\u202e\uFEFF',
    '${jndi:ldap://127.0.0.1/a}',
    '__proto__',
  ),
);

/** What the listener took since the last look, after a good receipt came and went. */
async function takenBefore(good: Bench): Promise<readonly Receipt[]> {
  const before = good.taken.splice(0);
  expect((await postForm(good.port, signed())).status).toBe(200);
  expect(good.taken.splice(0)).toMatchObject([{ gatewayId: FIELDS['messageId'] }]);
  return before;
}

describe('with a secret, nothing is taken of a receipt that is', () => {
  /** The property: whatever `attempts` builds, it is answered one of the statuses and not taken. */
  async function isRefused(
    attempts: fc.Arbitrary<(port: number) => Promise<Answer>>,
    statuses: readonly number[],
  ): Promise<void> {
    const bench = await listen({ signature: SIGNED });
    await fc.assert(
      fc.asyncProperty(attempts, async (attempt) => {
        expect(statuses).toContain((await attempt(bench.port)).status);
        expect(await takenBefore(bench)).toEqual([]);
      }),
      RUNS,
    );
  }

  it('forged', async () => {
    const sig = fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), hostile);
    const forged = fc.tuple(send, sig).map(
      ([push, text]) =>
        (port: number) =>
          push(port, { ...signed(), sig: text }),
    );
    await isRefused(forged, [503]);
  });

  it('altered', async () => {
    const altered = fc.tuple(send, name, hostile).map(([push, at, text]) => (port: number) => {
      const fields = signed();
      return push(port, { ...fields, [at]: `${fields[at] ?? ''}~${text}` });
    });
    await isRefused(altered, [503]);
  });

  it('unsigned', async () => {
    const unsigned = fc.tuple(send, fc.dictionary(hostile, hostile, { maxKeys: 5 })).map(
      ([push, more]) =>
        (port: number) =>
          push(port, { ...more, ...FIELDS }),
    );
    await isRefused(unsigned, [503]);
  });

  it('signed with another secret', async () => {
    const other = fc.tuple(send, hostile).map(([push, text]) => (port: number) => {
      const sig = sign(FIELDS, { method: 'sha256', secret: `${SECRET}${text}!` });
      return push(port, { ...FIELDS, sig });
    });
    await isRefused(other, [503]);
  });

  it('oversized', async () => {
    const oversized = fc
      .tuple(fc.integer({ min: 16_384, max: 60_000 }), fc.constantFrom(postForm, postJson))
      .map(
        ([length, push]) =>
          (port: number) =>
            push(port, sealed({ text: 'x'.repeat(length) })),
      );
    await isRefused(oversized, [413]);
  });

  it('binary', async () => {
    const binary = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => (port: number) => {
      return post(port, Buffer.from(bytes));
    });
    await isRefused(binary, [400]);
  });

  it('some other JSON', async () => {
    const json = fc.json().map((text) => (port: number) => post(port, text, 'application/json'));
    await isRefused(json, [400]);
  });
});

it('a connection may say anything, and break off anywhere, without being taken for a receipt', async () => {
  const bench = await listen({ signature: SIGNED });
  const body = new URLSearchParams(signed()).toString();
  const whole = `POST /receipts HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const cut = fc.integer({ min: 0, max: whole.length - 1 }).map((at) => whole.slice(0, at));
  const noise = fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes));
  const heads = fc
    .tuple(hostile, hostile, hostile)
    .map(([a, b, c]) => `POST /receipts?${a} HTTP/1.1\r\n${b}: ${c}\r\n\r\n${a}\r\n\r\n`);
  await fc.assert(
    fc.asyncProperty(fc.oneof(cut, noise, heads), fc.boolean(), async (said, isReset) => {
      const socket = await dial(bench.port);
      socket.write(said);
      const end = untilClosed(socket);
      if (isReset) socket.resetAndDestroy();
      else socket.end();
      expect(await end).not.toMatch(/^HTTP\/1.1 200/);
      expect(await takenBefore(bench)).toEqual([]);
    }),
    RUNS,
  );
});

describe('a receipt that is signed', () => {
  it('a receipt that is signed is taken as it is, whatever its values hold', async () => {
    const bench = await listen({ signature: SIGNED });
    await fc.assert(
      fc.asyncProperty(send, name, hostile, async (push, at, text) => {
        const fields = sealed({ ...FIELDS, [at]: text, extra: text });
        expect((await push(bench.port, fields)).status).toBe(200);
        const [receipt] = await takenBefore(bench);
        const kept = JSON.parse(receipt?.raw ?? '') as Fields;
        expect({ ...kept, sig: fields['sig'] }).toEqual(fields);
      }),
      RUNS,
    );
  });

  it('a receipt that is signed and comes twice is taken twice, with one digest', async () => {
    const bench = await listen({ signature: SIGNED });
    await fc.assert(
      fc.asyncProperty(send, send, hostile, async (once, again, text) => {
        const fields = sealed({ ...FIELDS, extra: text });
        expect((await once(bench.port, fields)).status).toBe(200);
        expect((await again(bench.port, fields)).status).toBe(200);
        const digests = (await takenBefore(bench)).map(({ digest }) => digest);
        expect(digests).toHaveLength(2);
        expect(new Set(digests).size).toBe(1);
      }),
      RUNS,
    );
  });
});

it('without a secret, what is taken of anything is fit to be stored', async () => {
  const bench = await listen();
  const anything = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .dictionary(fc.oneof(name, hostile), fc.jsonValue())
      .map((value) => Buffer.from(JSON.stringify(value))),
    fc
      .array(fc.tuple(fc.oneof(name, hostile), hostile))
      .map((pairs) => Buffer.from(new URLSearchParams(pairs).toString())),
  );
  await fc.assert(
    fc.asyncProperty(anything, hostile, async (body, query) => {
      const path = `/receipts?${encodeURIComponent(query)}`;
      const { status } = await ask(bench.port, { method: 'POST', path, body });
      const taken = await takenBefore(bench);
      expect({ status, count: taken.length }).toEqual(
        status === 200 ? { status: 200, count: 1 } : { status: 400, count: 0 },
      );
      for (const { raw, status: word, ...receipt } of taken) {
        expect(JSON.parse(raw)).toBeTypeOf('object');
        for (const value of [word, receipt.gatewayId, receipt.clientRef, receipt.recipient]) {
          expect(value === null || (typeof value === 'string' && value.isWellFormed())).toBe(true);
        }
      }
    }),
    { numRuns: 200 },
  );
});

/** Signed as a whole. */
function sealed(fields: Fields): Fields {
  return { ...fields, sig: sign(fields, { method: 'sha256', secret: SECRET }) };
}
