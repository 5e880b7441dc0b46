import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  forget,
  isForgotten,
  predictParts,
  predictedParts,
  type Content,
} from '../../src/core/message/parts.ts';
import { setup } from '../support/spool.ts';

const OCTET = fc.integer({ min: 0, max: 255 }).map((n) => n.toString(16).padStart(2, '0'));
const HEX = fc.array(OCTET, { minLength: 1, maxLength: 140 }).map((octets) => octets.join(''));
const TEXT = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '€', 'é', ' '), minLength: 1, maxLength: 2_000 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1_000 }),
);
const CONTENT: fc.Arbitrary<Content> = fc.oneof(
  fc.record({
    type: fc.constantFrom('auto' as const, 'text' as const, 'unicode' as const),
    text: TEXT,
    body: fc.constant(null),
    udh: fc.constant(null),
  }),
  fc.record({
    type: fc.constant('binary' as const),
    text: fc.constant(null),
    body: HEX,
    udh: fc.constant(null),
  }),
);

it('forgetting keeps the number of parts that was predicted, and nothing else of a text', () => {
  fc.assert(
    fc.property(CONTENT, (content) => {
      const left = forget(content);
      expect(predictedParts(left)).toBe(predictParts(content));
      expect(predictedParts(content)).toBe(predictParts(content));
      expect(left.text).toMatch(/^\(forgotten: \d+ parts?\)$/);
      expect(left.body).toBe(content.type === 'binary' ? '00' : null);
      expect(isForgotten(left)).toBe(true);
      expect(isForgotten(content)).toBe(false);
    }),
  );
});

it('forgetting says the same of what is forgotten already', () => {
  const long = { type: 'auto' as const, text: 'x'.repeat(400), body: null, udh: null };
  expect(forget(forget(long))).toEqual(forget(long));
});

it.each([
  { type: 'auto', text: 'x' },
  { type: 'unicode', text: '木'.repeat(3_200) },
  { type: 'binary', text: null, body: 'ff'.repeat(140), udh: null },
])('forgetting leaves what the spool’s own constraints take: %j', (row) => {
  const { other } = setup();
  const id = other.drop(row as Parameters<typeof other.drop>[0]);
  const content = other.message(id) as unknown as Content;
  const { text, body, udh } = forget(content);
  other.db
    .prepare('UPDATE messages SET revision = revision + 1, text = ?, body = ?, udh = ?')
    .run(text, body, udh);
  expect(other.message(id)).toMatchObject({ text, body, udh });
});
