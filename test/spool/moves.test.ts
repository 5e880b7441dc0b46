import { expect, it } from 'vitest';
import type { Move } from '../../src/spool/moves.ts';
import { NOW, setup } from '../support/spool.ts';

const expiry = (id: number): Move => ({
  id,
  from: 'queued',
  to: 'expired',
  reason: 'validity-passed',
  dueAt: null,
  nextAttemptAt: null,
});

it('moves rows that are still where they were, and leaves alone what somebody else moved first', () => {
  const { other, spool, commit } = setup();
  const [waiting, taken] = [other.drop(), other.drop()];
  other.db
    .prepare(
      `UPDATE messages SET revision = revision + 1, state = 'cancelled', reason = 'x' WHERE id = ?`,
    )
    .run(taken);
  expect(commit(() => spool.moves.write([waiting, taken].map(expiry), NOW))).toBe(1);
  expect(other.message(waiting)).toMatchObject({
    state: 'expired',
    reason: 'validity-passed',
    updated_at: NOW,
  });
  expect(other.message(taken)).toMatchObject({ state: 'cancelled', reason: 'x' });
});

it('says when a row is looked at again, in many rows at once', () => {
  const { other, spool, commit } = setup();
  const ids = Array.from({ length: 70 }, () => other.drop());
  commit(() => spool.moves.setDue(ids.map((id) => ({ id, dueAt: NOW + id }))));
  expect(other.message(ids[69] ?? 0)['due_at']).toBe(NOW + (ids[69] ?? 0));
  commit(() => spool.moves.setDue([{ id: ids[0] ?? 0, dueAt: null }]));
  expect(other.message(ids[0] ?? 0)['due_at']).toBeNull();
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
