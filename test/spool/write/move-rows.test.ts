import { expect, it } from 'vitest';
import { cancel, expire } from '../../../src/core/message/message-moves.ts';
import { execAsDaemon } from '../../support/as-daemon.ts';
import { NOW, setup } from '../../support/spool.ts';

it('a bulk move moves rows that are still where they were, and leaves alone what somebody else moved first', () => {
  const { other, spool, commit } = setup();
  const [waiting, taken] = [other.drop(), other.drop()];
  other.db
    .prepare(
      `UPDATE messages SET revision = revision + 1, state = 'cancelled', reason = 'x' WHERE id = ?`,
    )
    .run(taken);
  const moves = [waiting, taken].map((id) => expire({ id, state: 'queued' }, null));
  expect(commit(() => spool.moves.write(moves, NOW))).toEqual([waiting]);
  expect(other.message(waiting)).toMatchObject({
    state: 'expired',
    reason: 'validity-passed',
    updated_at: NOW,
  });
  expect(other.message(taken)).toMatchObject({ state: 'cancelled', reason: 'x' });
});

it('a bulk move says when a row is looked at again, in many rows at once', () => {
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

it('a bulk move moves a row once that is named twice, and names the rows that moved among many', () => {
  const { other, spool, commit } = setup();
  const ids = Array.from({ length: 90 }, () => other.drop());
  const taken = new Set(ids.filter((_id, index) => index % 7 === 0));
  const list = [...taken].join();
  execAsDaemon(other.db, `UPDATE messages SET state = 'delivered' WHERE id IN (${list})`);
  const moves = [...ids, ...ids.slice(0, 3)].map((id) => expire({ id, state: 'queued' }, null));
  const moved = commit(() => spool.moves.write(moves, NOW));
  expect(moved.toSorted((a, b) => a - b)).toEqual(ids.filter((id) => !taken.has(id)));
});

it('a bulk move keeps what an operator asked of a message, unless the move asks for something itself', () => {
  const { other, spool, commit } = setup();
  const [kept, marked] = [other.drop(), other.drop()];
  execAsDaemon(other.db, 'UPDATE messages SET cancel_asked = 3');
  commit(() =>
    spool.moves.write(
      [
        expire({ id: kept, state: 'queued' }, NOW + 9),
        cancel({ id: marked, state: 'queued' }, 8, NOW + 9),
      ],
      NOW,
    ),
  );
  expect(other.message(kept)).toMatchObject({ state: 'uncertain', cancel_asked: 3 });
  expect(other.message(marked)).toMatchObject({ state: 'uncertain', cancel_asked: 8 });
});

it('dates rows anew', () => {
  const { other, spool, commit } = setup();
  const id = other.drop();
  other.db
    .prepare('UPDATE messages SET revision = revision + 1, created_at = 0.0 WHERE id = ?')
    .run(id);
  commit(() => spool.moves.redate([id], NOW));
  expect(other.message(id)['created_at']).toBe(NOW);
});
