import { describe, expect, it } from 'vitest';
import type { SourceKey } from '../../../src/core/message/sort-key.ts';
import { NOW, openHandle, setup } from '../../support/spool.ts';

const SOURCE: SourceKey = { account: null, sender: null, campaign: null };

describe('reading what is ready', () => {
  it('reading what is ready gives the rows of a source in their turn, past those already taken', () => {
    const { spool, other } = setup();
    other.drop({ campaign: 'other' });
    const late = other.drop();
    const soon = other.drop({ expires_at: NOW + 500 });
    const sooner = other.drop({ expires_at: NOW + 400 });
    const urgent = other.drop({ priority: 9 });
    const ids = (limit: number, skip: number): readonly number[] =>
      spool.claims.peek(SOURCE, limit, skip).map((row) => row.id);
    expect(ids(10, 0)).toEqual([urgent, sooner, soon, late]);
    expect(ids(2, 1)).toEqual([sooner, soon]);
  });

  it('reading what is ready leaves out what waits for an instant and what does not wait', () => {
    const { spool, other, claim } = setup();
    other.drop({ send_at: NOW + 500 });
    const sending = other.drop();
    claim(sending);
    const ready = other.drop();
    expect(spool.claims.peek(SOURCE, 10, 0).map((row) => row.id)).toEqual([ready]);
  });

  it('reading what is ready gives a row as it was dropped', () => {
    const { spool, other } = setup();
    const row = {
      recipient: '+447700900001',
      type: 'binary',
      body: '00ff',
      udh: '0500',
      message_class: 1,
      priority: 7,
      expires_at: NOW + 500,
      on_uncertain: 'hold',
      reference: 'order-9',
      entity_id: 'e',
      content_id: 'c',
      account_ref: 'a',
    };
    const id = other.drop({ ...row, text: 'for people' });
    expect(spool.claims.peek(SOURCE, 1, 0)[0]).toMatchObject({
      id,
      recipient: '+447700900001',
      body: '00ff',
      messageClass: 1,
      priority: 7,
      expiresAt: NOW + 500,
      onUncertain: 'hold',
      entityId: 'e',
      contentId: 'c',
      accountRef: 'a',
      state: 'queued',
      attempts: 0,
      lastAttempt: 0,
      follows: null,
    });
  });
});

describe('a claim', () => {
  it('a claim is on disk with its attempt', () => {
    const { other, claim, spool } = setup();
    const ids = Array.from({ length: 100 }, () => other.drop());
    claim(...ids);
    const states = other.all(
      `SELECT DISTINCT state, attempts, last_attempt, updated_at FROM messages`,
    );
    expect(states).toEqual([{ state: 'sending', attempts: 1, last_attempt: 1, updated_at: NOW }]);
    const attempts = other.all('SELECT * FROM attempts ORDER BY message_id');
    expect(attempts.map((row) => row['message_id'])).toEqual(ids);
    expect(attempts[0]).toMatchObject({
      number: 1,
      began_at: NOW,
      ended_at: null,
      route: null,
      client_ref: spool.claims.clientRef(ids[0] ?? 0, 1),
    });
  });

  it('a claim of a row that is not waiting is a bug, and nothing of its batch is claimed', () => {
    const { other, claim } = setup();
    const [first, second] = [other.drop(), other.drop()];
    claim(first);
    expect(() => claim(first, second)).toThrow('claimed 1 of 2 rows');
    expect(other.message(second)['state']).toBe('queued');
    expect(other.all('SELECT * FROM attempts')).toHaveLength(1);
  });

  it('a claim finds nothing that another program cancelled before', () => {
    const { other, spool, commit } = setup();
    const id = other.drop();
    const stolen = openHandle(spool.path);
    stolen.db
      .prepare(`UPDATE messages SET revision = revision + 1, state = 'cancelled' WHERE id = ?`)
      .run(id);
    expect(commit(() => spool.claims.peek(SOURCE, 10, 0))).toEqual([]);
  });
});

describe('a client-ref', () => {
  it('a client-ref names message and attempt, is short, and cannot be guessed', () => {
    const { spool } = setup();
    const refs = [spool.claims.clientRef(41, 1), spool.claims.clientRef(41, 2)];
    expect(refs[0]).toMatch(/^15\.1\.[0-9a-f]{20}$/);
    expect(refs[1]).not.toBe(refs[0]);
    const longest = spool.claims.clientRef(Number.MAX_SAFE_INTEGER, 9_999);
    expect(longest.length).toBeLessThanOrEqual(40);
    expect(setup().spool.claims.clientRef(41, 1)).not.toBe(refs[0]);
  });
});
