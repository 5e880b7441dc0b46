import { describe, expect, it } from 'vitest';
import { requeue } from '../../../src/core/message/message-moves.ts';
import { execAsDaemon } from '../../support/as-daemon.ts';
import { ACCEPTED, END, ended, NOW, PART, setup } from '../../support/spool.ts';

const ask =
  'INSERT INTO control (verb, message_id, campaign, account, sender) VALUES (?, ?, ?, ?, ?)';

describe('what operators asked', () => {
  it('what operators asked is read in order, once it is not yet answered', () => {
    const { other, spool, commit } = setup();
    other.db.prepare(ask).run('pause', null, null, 'main', 'AcmeInc');
    other.db.prepare(ask).run('cancel', 41, null, null, null);
    const [pause, cancel] = spool.control.open(0, 10);
    expect(pause).toMatchObject({ verb: 'pause', account: 'main', sender: 'AcmeInc' });
    expect(cancel).toMatchObject({ verb: 'cancel', messageId: 41, affected: null });
    const [first, second] = [pause?.id ?? 0, cancel?.id ?? 0];
    commit(() => spool.control.answer({ id: first, doneAt: NOW, affected: 1, refused: null }));
    commit(() => spool.control.answer({ id: second, doneAt: null, affected: 3, refused: null }));
    expect(spool.control.open(0, 10)).toMatchObject([{ verb: 'cancel', affected: 3 }]);
    expect(spool.control.open(cancel?.id ?? 0, 10)).toEqual([]);
  });
});

describe('a requeue', () => {
  it('a requeue starts a message over and forgets what was asked of it', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const failed = { ...ACCEPTED, to: 'permanent-failure', dueAt: null } as const;
    commit(() => {
      spool.control.markCancelled(id, 7);
      spool.settlements.write([ended(id, { settlement: failed, parts: [] })]);
    });
    expect(other.message(id)).toMatchObject({ state: 'permanent-failure', cancel_asked: 7 });
    const move = requeue({ id, state: 'permanent-failure' }, { expiresAt: NOW + 500, follows: 1 });
    expect(commit(() => spool.moves.requeue(move, NOW))).toBe(true);
    expect(other.message(id)).toMatchObject({
      state: 'queued',
      reason: 'requeued',
      attempts: 0,
      status: null,
      cancel_asked: null,
      restarted_at: 1,
      last_attempt: 1,
      expires_at: NOW + 500,
      follows: 1,
    });
  });

  it('a requeue leaves a deadline that has not passed, and waits for a time that has not come', () => {
    const { other, spool, commit } = setup();
    const id = other.drop({ expires_at: NOW + 900, send_at: NOW + 100 });
    const move = requeue({ id, state: 'expired' }, { expiresAt: null, follows: null });
    const again = (now: number): void => {
      execAsDaemon(other.db, `UPDATE messages SET state = 'expired'`);
      expect(commit(() => spool.moves.requeue(move, now))).toBe(true);
    };
    again(NOW);
    expect(other.message(id)).toMatchObject({ expires_at: NOW + 900, due_at: NOW + 100 });
    again(NOW + 101);
    expect(other.message(id)['due_at']).toBeNull();
  });

  it('a requeue of a message that has moved since it was read changes nothing, and says so', () => {
    const { other, spool, commit } = setup();
    const id = other.drop({ expires_at: NOW + 900 });
    const move = requeue({ id, state: 'expired' }, { expiresAt: NOW + 5_000, follows: 1 });
    const moved = `UPDATE messages SET state = 'delivered', reason = 'delivered', attempts = 1`;
    execAsDaemon(other.db, moved);
    const before = other.message(id);
    expect(commit(() => spool.moves.requeue(move, NOW + 1))).toBe(false);
    expect(other.message(id)).toEqual(before);
  });
});

describe('a cancel', () => {
  it('a cancel marks a message that is being sent or uncertain, and no other', () => {
    const { other, spool, commit, claim } = setup();
    const [waiting, sending] = [other.drop(), other.drop()];
    claim(sending);
    const marks = commit(() => [waiting, sending].map((id) => spool.control.markCancelled(id, 7)));
    expect(marks).toEqual([false, true]);
    expect(other.message(waiting)['cancel_asked']).toBeNull();
  });
});

describe('an attempt that may have been accepted', () => {
  it.each<[string, Partial<typeof END>, number | null]>([
    ['accepted', {}, 1],
    ['unanswered', { route: 'uncertain', status: null }, 1],
    ['failed inside the gateway', { route: 'permanent-failure', status: 5 }, 1],
    ['refused', { route: 'permanent-failure', status: 6 }, null],
    ['throttled', { route: 'retry', status: 1 }, null],
    ['never sent', { route: 'not-sent', status: null }, null],
  ])('an attempt that may have been accepted is found: %s', (_what, over, expected) => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    commit(() => spool.settlements.write([ended(id, { end: { ...END, ...over }, parts: [] })]));
    expect(spool.control.doubtfulAttempt(id)).toBe(expected);
  });

  it('an attempt that may have been accepted is found while it is open, and where a part had no status that could be read', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    expect(spool.control.doubtfulAttempt(id)).toBeNull();
    claim(id);
    expect(spool.control.doubtfulAttempt(id)).toBe(1);
    const end = { ...END, route: 'permanent-failure', status: null };
    const settlement = { ...ACCEPTED, to: 'permanent-failure', follows: 1 } as const;
    commit(() => spool.settlements.write([ended(id, { settlement, end, parts: [PART] })]));
    expect(spool.control.doubtfulAttempt(id)).toBe(1);
  });
});
