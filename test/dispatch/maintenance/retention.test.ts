/** What is over goes in slices, whether the daemon has time or not. */
import { describe, expect, it } from 'vitest';
import type { KeepPolicy } from '../../../src/core/account/policy.ts';
import { Sweeper } from '../../../src/dispatch/maintenance/retention.ts';
import { workAt } from '../../../src/dispatch/work.ts';
import { NOW, setup as spoolSetup } from '../../support/spool.ts';

const DAY_S = 86_400;
const NOTHING_GOES: KeepPolicy = {
  retentionMs: null,
  forgetTextAfterMs: null,
  keysForMs: 9e12,
  notTold: new Set(['notify-cursor']),
};
const A_DAY: KeepPolicy = { ...NOTHING_GOES, retentionMs: DAY_S * 1000 };

function setup(rules: KeepPolicy) {
  const { spool, other, commit } = spoolSetup();
  const sweeper = new Sweeper(
    spool.retention,
    () => ({ keep: rules }),
    () => undefined,
  );
  let nowMs = 0;
  const step = (hasRoom: boolean, afterMs: number, sent = 0): void => {
    nowMs += afterMs;
    commit(() => sweeper.sweep(workAt(NOW, nowMs, []), { ended: sent, hasRoom }));
    sweeper.committed();
  };
  /** Messages that ended so many days ago, each with all that can hang on one. */
  const ended = (count: number, daysAgo: number, state = 'delivered'): void => {
    other.db.transaction(() => {
      for (let index = 0; index < count; index += 1) {
        const id = other.drop();
        const values = [state, NOW - daysAgo * DAY_S, id];
        other.db
          .prepare(
            'UPDATE messages SET revision = revision + 1, state = ?, updated_at = ? WHERE id = ?',
          )
          .run(values);
        other.db
          .exec(`INSERT INTO attempts (message_id, number, began_at, client_ref) VALUES (${id}, 1, 0, 'x');
          INSERT INTO parts (message_id, attempt, number) VALUES (${id}, 1, 1);
          INSERT INTO receipts (received_at, message_id, raw, digest) VALUES (0, ${id}, '', 'd');
          INSERT INTO events (at, message_id, event) VALUES (0, ${id}, 'message.delivered')`);
      }
    })();
  };
  const count = (table: string): number => other.all(`SELECT 1 FROM ${table}`).length;
  const left = (): readonly number[] =>
    ['messages', 'attempts', 'parts', 'receipts', 'events'].map(count);
  return { sweeper, spool, other, step, ended, count, left };
}

describe('the sweeper', () => {
  it('the sweeper deletes a final message with all that hangs on it, a bounded number in a slice', () => {
    const { step, ended, left, count } = setup(A_DAY);
    ended(120, 2);
    step(true, 10);
    const first = 120 - count('messages');
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(50);
    for (let steps = 0; steps < 20; steps += 1) step(true, 10);
    expect(left()).toEqual([0, 0, 0, 0, 0]);
  });

  it('the sweeper leaves what ended later, and what is not final, however old', () => {
    const { step, ended, left } = setup(A_DAY);
    ended(3, 0.5);
    for (const state of ['queued', 'retry', 'sending', 'uncertain', 'await-receipt'])
      ended(1, 40, state);
    for (let steps = 0; steps < 20; steps += 1) step(true, 10);
    expect(left()).toEqual([8, 8, 8, 8, 8]);
  });

  it('the sweeper goes on, slowly, where every step sends a little', () => {
    const { step, ended, count } = setup(A_DAY);
    ended(500, 2);
    let slices = 0;
    let last = 500;
    for (let steps = 0; steps < 100; steps += 1) {
      step(false, 1);
      if (count('messages') < last) slices += 1;
      last = count('messages');
    }
    expect(slices).toBe(4);
    for (let steps = 0; steps < 400; steps += 1) step(false, 1);
    expect(count('messages')).toBe(0);
  });

  it('the sweeper keeps up with what is sent, however much that is', () => {
    const { step, ended, count } = setup(A_DAY);
    const SENT = 40;
    ended(500, 2);
    for (let steps = 1; count('messages') > 0; steps += 1) {
      step(false, 1, SENT);
      expect(count('messages')).toBeLessThanOrEqual(Math.max(0, 500 - steps * SENT));
    }
  });

  it('wants a step soon while there is more to do, and else not', () => {
    const { sweeper, step, ended } = setup(A_DAY);
    ended(200, 2);
    step(true, 1_000);
    expect(sweeper.wakeAtMs).toBeLessThan(1_010);
    for (let steps = 0; steps < 20; steps += 1) step(true, 10);
    expect(sweeper.wakeAtMs).toBeGreaterThan(1_500);
  });

  it('the sweeper keeps events, and their messages, until whoever is told of them has been', () => {
    const { spool, step, ended, count } = setup({ ...A_DAY, notTold: new Set() });
    ended(4, 2);
    const told = (name: string, seq: number): void =>
      void spool.transaction(() => {
        if (name === 'notify-cursor') spool.events.saveCursor(seq);
      });
    told('notify-cursor', 2);
    for (let steps = 0; steps < 5; steps += 1) step(true, 1_100);
    expect(count('messages')).toBe(2);
    told('notify-cursor', 4);
    for (let steps = 0; steps < 5; steps += 1) step(true, 1_100);
    expect(count('messages')).toBe(0);
  });

  it('the sweeper waits for the slowest of all who are told, and for nobody who is told no more', () => {
    const waiting = setup({ ...A_DAY, notTold: new Set() });
    waiting.ended(3, 2);
    const cursors = `INSERT INTO spool (name, value) VALUES ('notify-cursor', '3'), ('log-cursor', '1')`;
    waiting.other.db.exec(cursors);
    for (let steps = 0; steps < 5; steps += 1) waiting.step(true, 1_100);
    expect(waiting.count('messages')).toBe(2);
    const off = setup(A_DAY);
    off.ended(3, 2);
    off.other.db.exec(`INSERT INTO spool (name, value) VALUES ('notify-cursor', '0')`);
    for (let steps = 0; steps < 5; steps += 1) off.step(true, 1_100);
    expect(off.count('messages')).toBe(0);
  });

  it('the sweeper deletes old events of lanes and requests that were done long ago, and no others', () => {
    const { other, step, count } = setup(A_DAY);
    const [old, young] = [NOW - 10 * DAY_S, NOW - 100];
    other.db.exec(`INSERT INTO events (at, account, event) VALUES
        (${old}, 'main', 'account.paused'), (${young}, 'main', 'account.resumed');
      INSERT INTO control (verb, account) VALUES ('pause', 'main'), ('resume', 'main'), ('pause', 'main');
      UPDATE control SET done_at = ${old} WHERE id = 1; UPDATE control SET done_at = ${young} WHERE id = 2`);
    for (let steps = 0; steps < 5; steps += 1) step(true, 1_100);
    expect(count('events')).toBe(1);
    expect(other.all('SELECT id FROM control')).toEqual([{ id: 2 }, { id: 3 }]);
  });

  it('the sweeper forgets keys when their time has passed, whatever they look like', () => {
    const { other, step, count } = setup({ ...NOTHING_GOES, keysForMs: 90 * DAY_S * 1000 });
    const insert = other.db.prepare('INSERT INTO keys (key, message_id, used_at) VALUES (?, 1, ?)');
    other.db.transaction(() => {
      insert.run('', NOW - 91 * DAY_S);
      insert.run(Buffer.from([255, 254]), NOW - 91 * DAY_S);
      for (let index = 0; index < 1_300; index += 1)
        insert.run(`key-${index}`, NOW - (index % 2 === 0 ? 91 : 89) * DAY_S);
    })();
    for (let steps = 0; steps < 20; steps += 1) step(true, 10);
    expect(count('keys')).toBe(650);
  });

  it('blanks texts of final messages once, and of no others', () => {
    const rules = { ...NOTHING_GOES, forgetTextAfterMs: DAY_S * 1000 };
    const { other, step, ended } = setup(rules);
    ended(450, 2);
    ended(2, 0.5);
    ended(2, 2, 'await-receipt');
    for (let steps = 0; steps < 20; steps += 1) step(true, 1_100);
    const texts = other.all('SELECT text, count(*) AS count FROM messages GROUP BY text');
    expect(texts).toEqual([
      { text: '(forgotten: 1 part)', count: 450 },
      { text: 'Your table is ready', count: 4 },
    ]);
    expect(other.all(`SELECT 1 FROM spool WHERE name = 'forgotten-to'`)).toHaveLength(1);
  });

  it('touches nothing where everything is kept', () => {
    const { step, ended, left } = setup(NOTHING_GOES);
    ended(3, 4_000);
    for (let steps = 0; steps < 5; steps += 1) step(true, 1_100);
    expect(left()).toEqual([3, 3, 3, 3, 3]);
  });
});
