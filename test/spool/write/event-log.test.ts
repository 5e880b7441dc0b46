/** Reading `events` back in commit order, and how far whoever is told has come. */
import { describe, expect, it } from 'vitest';
import { EVENTS_AFTER, type NewEvent } from '../../../src/spool/write/event-log.ts';
import { smuggle } from '../../support/as-daemon.ts';
import { NOW, openHandle, setup } from '../../support/spool.ts';

const EVENT: NewEvent = {
  at: NOW,
  messageId: null,
  account: 'main',
  sender: null,
  event: 'account.suspended',
  from: null,
  to: 'suspended',
  reason: 'invalid-credentials',
  attempt: null,
};

const of = (messageId: number | null): { readonly row: NewEvent } => ({
  row: { ...EVENT, messageId },
});

describe('events after a seq', () => {
  it('come oldest first, at most as many as asked, each with what its message says of itself', () => {
    const { spool, other, commit } = setup();
    const id = other.drop({ reference: 'order-9', campaign: 'spring' });
    const plain = other.drop();
    commit(() => spool.events.append([of(id), of(null), of(plain), of(id)]));
    const row = { ...EVENT, reference: null, campaign: null };
    expect(spool.events.after(0, 3)).toEqual([
      { ...row, seq: 1, messageId: id, reference: 'order-9', campaign: 'spring' },
      { ...row, seq: 2 },
      { ...row, seq: 3, messageId: plain },
    ]);
    expect(spool.events.after(3, 100).map(({ seq }) => seq)).toEqual([4]);
    expect(spool.events.after(4, 100)).toEqual([]);
  });

  it('outlive the message they are about', () => {
    const { spool, other, commit } = setup();
    const id = other.drop({ reference: 'order-9' });
    commit(() => spool.events.append([of(id)]));
    other.db.exec('DELETE FROM messages');
    expect(spool.events.after(0, 100)).toMatchObject([{ messageId: id, reference: null }]);
  });

  it('hold no more than 1,000 characters of a reference, and text whatever was stored', () => {
    const { spool, other, commit } = setup();
    const long = smuggle(other.db, { reference: `replace(hex(zeroblob(2500)), '0', '€')` });
    const bytes = smuggle(other.db, { reference: `CAST('bytes' AS BLOB)` });
    commit(() => spool.events.append([of(long), of(bytes)]));
    expect(spool.events.after(0, 100).map(({ reference }) => reference)).toEqual([
      '€'.repeat(1_000),
      'bytes',
    ]);
  });

  it('events after a seq are found by one seek, and one for each message', () => {
    const { other } = setup();
    const plan = other.all(`EXPLAIN QUERY PLAN ${EVENTS_AFTER}`, 1, 1).map((row) => row['detail']);
    expect(plan).toEqual([
      'SEARCH e USING INTEGER PRIMARY KEY (rowid>?)',
      'SEARCH m USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN',
    ]);
  });
});

describe('the last seq', () => {
  it('the last seq is 0 in a new spool, and is kept when its row is pruned: no number comes twice', () => {
    const { spool, other, commit } = setup();
    expect(spool.events.lastSeq()).toBe(0);
    commit(() => spool.events.append([of(null), of(null)]));
    expect(spool.events.lastSeq()).toBe(2);
    other.db.exec('DELETE FROM events');
    expect(spool.events.lastSeq()).toBe(2);
    expect(commit(() => spool.events.append([of(null)]))).toBe(3);
  });

  it('the last seq does not count what was rolled back', () => {
    const { spool, commit } = setup();
    const failing = (): unknown =>
      commit(() => {
        spool.events.append([of(null)]);
        throw new Error('no');
      });
    expect(failing).toThrow('no');
    expect(spool.events.lastSeq()).toBe(0);
  });
});

describe('the cursor', () => {
  it('the cursor is null until it is saved, and the same for the next connection', () => {
    const { spool, other, commit, path } = setup();
    expect(spool.events.cursor()).toBeNull();
    commit(() => spool.events.saveCursor(7));
    commit(() => spool.events.saveCursor(8_812));
    expect(spool.events.cursor()).toBe(8_812);
    const stored = openHandle(path).all(`SELECT value FROM spool WHERE name = 'notify-cursor'`);
    expect(stored).toEqual([{ value: '8812' }]);
    expect(other.all(`SELECT name FROM spool ORDER BY name`)).toContainEqual({ name: 'tag-key' });
  });

  it('the cursor is null when somebody has put there what is no number', () => {
    const { spool, other, commit } = setup();
    commit(() => spool.events.saveCursor(7));
    other.db.exec(`UPDATE spool SET value = 'x' WHERE name = 'notify-cursor'`);
    expect(spool.events.cursor()).toBeNull();
  });
});
