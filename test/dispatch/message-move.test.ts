/** A row and its event move together, or neither does. */
import { describe, expect, it, vi } from 'vitest';
import { cancel, expire, requeue } from '../../src/core/message/message-moves.ts';
import { moveAll, moveOne, moveToQueue, type MoveParts } from '../../src/dispatch/message-move.ts';
import { workAt } from '../../src/dispatch/work.ts';
import type { EventEntry } from '../../src/log/event-lines.ts';
import type { DueRow } from '../../src/spool/write/due.ts';
import { execAsDaemon } from '../support/as-daemon.ts';
import { ended, NOW, setup as setupSpool } from '../support/spool.ts';
import { policyWith } from '../support/policy.ts';
import { Bench, unanswered } from './setup.ts';

function setup() {
  const whole = setupSpool();
  const parts: MoveParts = { spool: whole.spool, policy: policyWith() };
  const entries: EventEntry[] = [];
  const read = (id: number): DueRow => whole.spool.due.message(id) ?? expect.fail('no message');
  return { ...whole, parts, read, entries, work: workAt(NOW, 0, entries) };
}

describe('a message that moved since it was read', () => {
  it('a message that moved since it was read is not moved again, and no event says so', () => {
    const { other, parts, read, entries, work, commit } = setup();
    const id = other.drop();
    const row = read(id);
    execAsDaemon(other.db, `UPDATE messages SET state = 'delivered', reason = 'delivered'`);
    const before = other.message(id);
    const move = cancel({ id, state: 'queued' }, 1, null);
    expect(commit(() => moveOne(parts, row, move, work))).toBe(false);
    expect(other.message(id)).toEqual(before);
    expect(entries).toEqual([]);
  });

  it('a message that moved since it was read is left out among those that move', () => {
    const { other, parts, read, entries, work, commit } = setup();
    const ids = [other.drop(), other.drop(), other.drop()];
    const rows = ids.map(read);
    execAsDaemon(other.db, `UPDATE messages SET state = 'cancelled' WHERE id = ${ids[1]}`);
    const moves = rows.map((row) => ({ row, move: expire({ id: row.id, state: 'queued' }, null) }));
    const moved = commit(() => moveAll(parts, [...moves, ...moves], work));
    const expected = [ids[0], ids[2]];
    expect(moved.map(({ row }) => row.id)).toEqual(expected);
    expect(entries.map((entry) => entry.row.messageId)).toEqual(expected);
    expect(ids.map((id) => other.message(id)['state'])).toEqual([
      ...['expired', 'cancelled', 'expired'],
    ]);
  });

  it('a message that moved since it was read is not started over, and what receipts say of its attempts still counts', () => {
    const { other, parts, read, entries, work, commit, claim, spool } = setup();
    const id = other.drop();
    claim(id);
    commit(() => spool.settlements.write([ended(id)]));
    const row: DueRow = { ...read(id), state: 'unconfirmed' };
    const move = requeue({ id, state: 'unconfirmed' }, { expiresAt: NOW + 9, follows: 1 });
    const before = other.message(id);
    expect(commit(() => moveToQueue(parts, row, move, work))).toBe(false);
    expect(other.message(id)).toEqual(before);
    expect(other.all('SELECT closed FROM attempts')).toEqual([{ closed: null }]);
    expect(entries).toEqual([]);
  });
});

describe('a request about a message that moved since it was read', () => {
  it.each(['requeue', 'cancel'] as const)(
    'a request about a message that moved since it was read to %s it changes nothing, and says so',
    async (verb) => {
      const bench = new Bench();
      const { id } = await unanswered(bench);
      execAsDaemon(bench.other.db, `UPDATE messages SET state = 'await-receipt'`);
      const { due } = bench.spool;
      const row = due.message(id) ?? expect.fail('no message');
      const stale: DueRow = { ...row, state: verb === 'requeue' ? 'unconfirmed' : 'retry' };
      const before = bench.message(id);
      const events = bench.events(id);
      const read = vi.spyOn(due, 'message').mockReturnValue(stale);
      expect(await bench.ask(verb, id)).toMatchObject({
        affected: 0,
        refused: 'its state changed meanwhile',
      });
      read.mockRestore();
      expect(bench.message(id)).toEqual(before);
      expect(bench.events(id)).toEqual(events);
    },
  );
});
