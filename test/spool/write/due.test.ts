import { describe, expect, it } from 'vitest';
import { requeue, resend } from '../../../src/core/message/message-moves.ts';
import type { DueRow } from '../../../src/spool/write/due.ts';
import { smuggle } from '../../support/as-daemon.ts';
import { ACCEPTED, END, ended, NOW, setup } from '../../support/spool.ts';

const ids = (rows: Iterable<DueRow>): readonly number[] => [...rows].map((row) => row.id);
const UNCERTAIN = { ...ACCEPTED, to: 'uncertain', reason: 'timeout', follows: 1 } as const;

describe('instants', () => {
  it('come earliest first, and no sooner', () => {
    const { other, spool } = setup();
    const late = other.drop({ send_at: NOW + 20 });
    const soon = other.drop({ send_at: NOW + 10 });
    other.drop();
    expect(spool.due.instants().nextDueAt).toBe(NOW + 10);
    expect(ids(spool.due.due(NOW + 9, 10))).toEqual([]);
    expect(ids(spool.due.due(NOW + 20, 10))).toEqual([soon, late]);
    expect(ids(spool.due.due(NOW + 20, 1))).toEqual([soon]);
  });

  it('instants that are none are found, and only in rows that wait', () => {
    const { other, spool } = setup();
    const late = smuggle(other.db, { send_at: String(NOW * 1000) });
    const text = smuggle(other.db, { send_at: `'tomorrow'` });
    other.drop({ send_at: NOW + 10 });
    expect(ids(spool.due.beyond(10))).toEqual([late, text]);
    other.db
      .prepare(`UPDATE messages SET revision = revision + 1, state = 'cancelled' WHERE id = ?`)
      .run(late);
    expect(ids(spool.due.beyond(10))).toEqual([text]);
  });

  it('instants are none when nothing waits', () => {
    const { other, spool } = setup();
    other.drop();
    expect(spool.due.instants().nextDueAt).toBeNull();
  });
});

describe('deadlines', () => {
  it('deadlines of their own are found in rows that wait, scheduled ones as well', () => {
    const { other, spool } = setup();
    const late = other.drop({ expires_at: NOW - 10 });
    const scheduled = other.drop({ expires_at: NOW - 20, send_at: NOW + 100 });
    other.drop({ expires_at: NOW + 10 });
    const final = other.drop({ expires_at: NOW - 30 });
    other.db
      .prepare(`UPDATE messages SET revision = revision + 1, state = 'delivered' WHERE id = ?`)
      .run(final);
    expect(ids(spool.due.expiring(NOW, 10))).toEqual([scheduled, late]);
  });

  it('deadlines by default are found among the oldest of each priority of a source', () => {
    const { other, spool } = setup();
    const low = [other.drop({ priority: 0 }), other.drop({ priority: 0 })];
    const high = [
      other.drop({ priority: 9 }),
      other.drop({ priority: 9 }),
      other.drop({ priority: 9 }),
    ];
    other.drop({ priority: 9, expires_at: NOW });
    other.drop({ campaign: 'other' });
    const source = { account: null, sender: null, campaign: null };
    expect(ids(spool.due.oldest(source, 2))).toEqual([...high.slice(0, 2), ...low]);
  });
});

describe('an unanswered attempt', () => {
  it('an unanswered attempt is known as long as its message was not requeued', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const end = { ...END, route: 'uncertain' };
    commit(() => spool.settlements.write([ended(id, { settlement: UNCERTAIN, end, parts: [] })]));
    const row = (): DueRow => spool.due.message(id) ?? expect.fail('no such message');
    expect(row().follows).toBe(1);
    expect(spool.due.isUnanswered(row())).toBe(true);
    expect(spool.due.isLastAnswered(id)).toBe(false);
    const again = requeue({ id, state: 'uncertain' }, { expiresAt: null, follows: 1 });
    commit(() => spool.moves.requeue(again, NOW));
    expect(spool.due.isUnanswered(row())).toBe(false);
  });

  it('an unanswered attempt is remembered when a later one was answered', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const end = { ...END, route: 'uncertain' };
    commit(() => {
      spool.settlements.write([ended(id, { settlement: UNCERTAIN, end, parts: [] })]);
      spool.moves.write(resend({ id, state: 'uncertain' }, NOW), NOW);
    });
    claim(id);
    const settlement = { ...UNCERTAIN, reason: 'invalid-message' } as const;
    const refused = { ...END, route: 'permanent-failure' };
    commit(() => spool.settlements.write([ended(id, { settlement, end: refused, parts: [] }, 2)]));
    expect(spool.due.isLastAnswered(id)).toBe(true);
    expect(spool.due.isUnanswered({ id, follows: 1 })).toBe(true);
  });

  it('an unanswered attempt cannot be one of a message that follows none', () => {
    const { other, spool, claim } = setup();
    const id = other.drop();
    claim(id);
    expect(spool.due.isUnanswered({ id, follows: null })).toBe(false);
  });
});

it('the search for due rows finds what a crash left open, in bounded numbers', () => {
  const { other, spool, claim } = setup();
  const open = [other.drop(), other.drop(), other.drop()];
  other.drop();
  claim(...open);
  expect(ids(spool.due.sending(2))).toEqual(open.slice(0, 2));
  expect(ids(spool.due.sending(10))).toEqual(open);
});
