/** Which instants move with the wall clock: what waits for time to pass, and nothing that people wrote. */
import { describe, expect, it } from 'vitest';
import { NOW, setup } from '../../support/spool.ts';

const MINUTE = 60;
const HOUR = 3_600;
const [DUE, NEXT, UPDATED] = [NOW + 500, NOW + 500, NOW];

interface Case {
  readonly row: Readonly<Record<string, string | number | null>>;
  /** How many seconds due_at, next_attempt_at and updated_at move when the clock moves by `by`. */
  readonly moves: readonly [due: number, next: number, updated: number];
  readonly by?: number;
}

/* `n` in `moves` stands for: so many times the step. */
const CASES: Readonly<Record<string, Case>> = {
  'a message in retry': { row: { state: 'retry', reason: 'gateway-error' }, moves: [1, 1, 0] },
  'one in retry whose deadline comes first keeps the deadline': {
    row: { state: 'retry', reason: 'gateway-error', due_at: DUE - 100 },
    moves: [0, 1, 0],
  },
  'one in retry that waits for quiet hours': {
    row: { state: 'retry', reason: 'quiet-hours' },
    moves: [0, 0, 0],
  },
  'one that waits for the limit of its recipient': {
    row: { state: 'queued', reason: 'recipient-limit' },
    moves: [1, 1, 0],
  },
  'one that waits for quiet hours': {
    row: { state: 'queued', reason: 'quiet-hours' },
    moves: [0, 0, 0],
  },
  'one that waits for its send_at': {
    row: { state: 'queued', send_at: DUE, next_attempt_at: null },
    moves: [0, 0, 0],
  },
  'one that a run of refusals set aside until its deadline': {
    row: { state: 'queued', reason: 'non-whitelisted', next_attempt_at: null },
    moves: [0, 0, 0],
  },
  'an uncertain one': { row: { state: 'uncertain', next_attempt_at: null }, moves: [1, 0, 1] },
  'one that waits for a receipt': {
    row: { state: 'await-receipt', next_attempt_at: null },
    moves: [1, 0, 1],
  },
  'one that waits for a receipt, by seconds': {
    row: { state: 'await-receipt', next_attempt_at: null },
    moves: [0, 0, 0],
    by: MINUTE - 1,
  },
  'a final one': {
    row: { state: 'delivered', due_at: null, next_attempt_at: null },
    moves: [0, 0, 0],
  },
};

describe('the wall clock is set, and what moves with it is', () => {
  it.each(Object.entries(CASES))('%s', (_what, { row, moves, by = HOUR }) => {
    for (const step of [by, -by]) {
      const { spool, commit, other } = setup();
      const id = other.drop('send_at' in row ? { send_at: DUE } : {});
      const values = { due_at: DUE, next_attempt_at: NEXT, updated_at: UPDATED, ...row };
      const sets = Object.keys(values).map((column) => `${column} = @${column}`);
      other.db
        .prepare(`UPDATE messages SET ${sets.join()}, revision = revision + 1 WHERE id = @id`)
        .run({ ...values, id });
      const moved = commit(() => spool.clockSteps.shift(step));
      expect(moved).toBe(moves.some((times) => times !== 0) ? 1 : 0);
      const plus = (value: number | null, times: number): number | null =>
        value === null ? null : value + times * step;
      expect(other.message(id)).toMatchObject({
        due_at: plus(values.due_at as number | null, moves[0]),
        next_attempt_at: plus(values.next_attempt_at as number | null, moves[1]),
        updated_at: plus(values.updated_at, moves[2]),
        send_at: row['send_at'] ?? null,
      });
    }
  });

  it('the next look at accounts and senders, and not the midnight of a spend limit', () => {
    const { spool, commit, other } = setup();
    const circuit = { state: 'suspended', since: NOW, nextProbeAt: NOW + 60 } as const;
    commit(() => {
      spool.circuits.write({ ...circuit, account: 'a', sender: null, reason: 'gateway-down' });
      spool.circuits.write({ ...circuit, account: 'a', sender: 'Acme', reason: 'invalid-sender' });
      spool.circuits.write({ ...circuit, account: 'b', sender: null, reason: 'spend-limit' });
      spool.circuits.writeBlock({ account: 'a', sender: null, until: NOW + 5, now: NOW });
      spool.clockSteps.shift(-HOUR);
    });
    const probes = spool.circuits.all().map((row) => [row.account, row.sender, row.nextProbeAt]);
    expect(probes).toEqual([
      ['a', null, NOW + 60 - HOUR],
      ['b', null, NOW + 60],
      ['a', 'Acme', NOW + 60 - HOUR],
    ]);
    expect(other.all(`SELECT blocked_until FROM accounts WHERE name = 'a'`)).toEqual([
      { blocked_until: NOW + 5 - HOUR },
    ]);
  });

  it('what a limit per recipient counts', () => {
    const { spool, commit } = setup();
    const sent = { id: 1, recipient: '447700900000', digest: '' };
    commit(() => {
      spool.recent.open();
      spool.recent.write([sent], NOW, NOW - HOUR);
      spool.clockSteps.shift(HOUR);
    });
    expect(spool.recent.sentAt({ ...sent, id: 2 }, 0)).toEqual([{ id: 1, at: NOW + HOUR }]);
  });
});
