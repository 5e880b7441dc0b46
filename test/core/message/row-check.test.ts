/** What only the daemon catches: rows of clients that switched the constraints off. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  dateOf,
  deadlineOf,
  judgeRow,
  type JudgedRow,
} from '../../../src/core/message/row-check.ts';
import { DAY, NOW } from '../../support/verdicts.ts';

const ROW: JudgedRow = {
  recipient: '447700900000',
  text: 'Your table is ready',
  sender: 'AcmeInc',
  type: 'auto',
  body: null,
  udh: null,
  messageClass: null,
  priority: 4,
  sendAt: null,
  expiresAt: null,
};
const BINARY: JudgedRow = { ...ROW, type: 'binary', text: null, body: '00ff' };

describe('a row', () => {
  it.each<[string, Partial<JudgedRow>]>([
    ['an ordinary one', {}],
    ['one with a plus sign', { recipient: '+4477009' }],
    ['one from a number', { sender: '12015550123' }],
    ['one scheduled and with a deadline', { sendAt: NOW, expiresAt: NOW + DAY }],
    ['one with a class', { messageClass: 0, priority: 9 }],
    ['one of 3,200 characters outside the basic plane', { text: '😀'.repeat(3_200) }],
  ])('a row passes: %s', (_what, over) => {
    expect(judgeRow({ ...ROW, ...over })).toBeNull();
  });

  it('a row passes when it is binary, with a header or without', () => {
    expect(judgeRow(BINARY)).toBeNull();
    expect(judgeRow({ ...BINARY, udh: '050003CC0201' })).toBeNull();
  });

  it.each<[string, Partial<Record<keyof JudgedRow, unknown>>]>([
    ['invalid-recipient', { recipient: '0' }],
    ['invalid-recipient', { recipient: '++447700900000' }],
    ['invalid-recipient', { recipient: '447700900000\n' }],
    ['invalid-recipient', { recipient: Buffer.from('447700900000') }],
    ['no-sender', { sender: '' }],
    ['invalid-sender', { sender: 'Acme Inc' }],
    ['invalid-sender', { sender: '1234567890123456' }],
    ['invalid-sender', { sender: Buffer.from('AcmeInc') }],
    ['invalid-priority', { priority: 10 }],
    ['invalid-priority', { priority: 4.5 }],
    ['invalid-priority', { priority: 'high' }],
    ['invalid-send-at', { sendAt: NOW * 1000 }],
    ['invalid-send-at', { sendAt: '2026-11-23' }],
    ['invalid-expires-at', { expiresAt: NOW * 1000 }],
    ['invalid-expires-at', { expiresAt: 'tomorrow' }],
    ['invalid-type', { type: 'wap' }],
    ['empty-text', { text: '' }],
    ['empty-text', { text: null }],
    ['empty-text', { text: Buffer.from('text') }],
    ['message-too-long', { text: 'a'.repeat(3_201) }],
    ['invalid-message-class', { messageClass: 4 }],
    ['invalid-message-class', { messageClass: 1.5 }],
    ['invalid-body', { type: 'binary', body: null }],
    ['invalid-body', { type: 'binary', body: '0' }],
    ['invalid-udh', { type: 'binary', body: '00', udh: 'xy' }],
    ['message-too-long', { type: 'binary', body: '00'.repeat(140), udh: '00' }],
  ])('a row is refused with %s: %j', (reason, over) => {
    expect(judgeRow({ ...ROW, ...over } as JudgedRow)).toBe(reason);
  });

  it('a row is judged whatever it holds, and never throws', () => {
    const anything = fc.oneof(fc.anything({ maxDepth: 1, withNullPrototype: false }));
    const anyRow = fc.record(
      Object.fromEntries(Object.keys(ROW).map((name) => [name, anything])) as Record<
        keyof JudgedRow,
        typeof anything
      >,
    );
    fc.assert(
      fc.property(anyRow, (row) => {
        expect(typeof (judgeRow(row as JudgedRow) ?? 'fine')).toBe('string');
      }),
    );
  });
});

describe('the date of a row', () => {
  it('the date of a row is its own, but for clocks that were wrong', () => {
    expect(dateOf(NOW - 5, NOW)).toBe(NOW - 5);
    expect(dateOf(NOW + 60, NOW)).toBe(NOW + 60);
    expect(dateOf(NOW + 61, NOW)).toBe(NOW);
    expect(dateOf(0, NOW)).toBe(NOW);
    expect(dateOf(1_735_689_599, NOW)).toBe(NOW);
    expect(dateOf('yesterday' as unknown as number, NOW)).toBe(NOW);
  });
});

describe('the deadline of a row', () => {
  const row = { expiresAt: null, sendAt: null, createdAt: NOW };

  it('the deadline of a row is its own, or follows from when it could first go', () => {
    expect(deadlineOf(row, 3_600_000)).toBe(NOW + 3600);
    expect(deadlineOf({ ...row, sendAt: NOW + DAY }, 3_600_000)).toBe(NOW + DAY + 3600);
    expect(deadlineOf({ ...row, sendAt: NOW - DAY }, 3_600_000)).toBe(NOW + 3600);
    expect(deadlineOf({ ...row, sendAt: NOW + DAY, expiresAt: NOW + 1 }, 3_600_000)).toBe(NOW + 1);
  });
});
