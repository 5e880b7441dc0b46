import { expect, it } from 'vitest';
import { cancel, expire } from '../../../src/core/message/message-moves.ts';
import { execAsDaemon } from '../../support/as-daemon.ts';
import { NOW, setup } from '../../support/spool.ts';

it('a move changes a row that is still where it was, and leaves alone what somebody else moved first', () => {
  const { other, spool, commit } = setup();
  const [waiting, taken] = [other.drop(), other.drop()];
  other.db
    .prepare(
      `UPDATE messages SET revision = revision + 1, state = 'cancelled', reason = 'x' WHERE id = ?`,
    )
    .run(taken);
  const move = (id: number): boolean =>
    commit(() => spool.moves.write(expire({ id, state: 'queued' }, null), NOW));
  expect([waiting, taken].map(move)).toEqual([true, false]);
  expect(other.message(waiting)).toMatchObject({
    state: 'expired',
    reason: 'validity-passed',
    updated_at: NOW,
  });
  expect(other.message(taken)).toMatchObject({ state: 'cancelled', reason: 'x' });
});

it('many rows are told when they are looked at again, each only in its state', () => {
  const { other, spool, commit } = setup();
  const ids = Array.from({ length: 70 }, () => other.drop());
  const state = 'queued';
  commit(() => spool.moves.setDue(ids.map((id) => ({ id, state, dueAt: NOW + id }))));
  expect(other.message(ids[69] ?? 0)['due_at']).toBe(NOW + (ids[69] ?? 0));
  commit(() => spool.moves.setDue([{ id: ids[0] ?? 0, state, dueAt: null }]));
  expect(other.message(ids[0] ?? 0)['due_at']).toBeNull();
  commit(() => spool.moves.setDue([{ id: ids[1] ?? 0, state: 'retry', dueAt: null }]));
  expect(other.message(ids[1] ?? 0)['due_at']).not.toBeNull();
});

it('a row that is moved twice is moved once', () => {
  const { other, spool, commit } = setup();
  const id = other.drop();
  const move = expire({ id, state: 'queued' }, null);
  const moved = commit(() => [spool.moves.write(move, NOW), spool.moves.write(move, NOW)]);
  expect(moved).toEqual([true, false]);
});

it('a move keeps what an operator asked of a message, unless the move asks for something itself', () => {
  const { other, spool, commit } = setup();
  const [kept, marked] = [other.drop(), other.drop()];
  execAsDaemon(other.db, 'UPDATE messages SET cancel_asked = 3');
  commit(() => {
    spool.moves.write(expire({ id: kept, state: 'queued' }, NOW + 9), NOW);
    spool.moves.write(cancel({ id: marked, state: 'queued' }, 8, NOW + 9), NOW);
  });
  expect(other.message(kept)).toMatchObject({ state: 'uncertain', cancel_asked: 3 });
  expect(other.message(marked)).toMatchObject({ state: 'uncertain', cancel_asked: 8 });
});

it('a bulk move dates rows from now', () => {
  const { other, spool, commit } = setup();
  const id = other.drop();
  other.db
    .prepare('UPDATE messages SET revision = revision + 1, created_at = 0.0 WHERE id = ?')
    .run(id);
  commit(() => spool.moves.redate([id], NOW));
  expect(other.message(id)['created_at']).toBe(NOW);
});
