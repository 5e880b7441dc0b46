import { describe, expect, it } from 'vitest';
import { ACCEPTED, END, ended, NOW, PART, setup } from '../../support/spool.ts';

describe('the end of an attempt', () => {
  it('the end of an attempt is written to the message, the attempt and its parts', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const parts = [PART, { ...PART, gatewayId: 'id-2', price: 0.07 }];
    expect(commit(() => spool.settlements.write([ended(id, { parts })]))).toEqual([]);
    expect(other.message(id)).toMatchObject({
      state: 'await-receipt',
      reason: 'accepted',
      status: 0,
      parts: 2,
      due_at: NOW + 300,
      updated_at: NOW + 1,
    });
    expect(other.message(id)['price']).toBeCloseTo(0.12);
    expect(other.all('SELECT * FROM attempts')[0]).toMatchObject({
      ended_at: NOW + 1,
      http_status: 200,
      trace_id: 'trace',
      route: 'await-receipt',
      scope: 'message',
    });
    expect(other.all('SELECT number, gateway_id, price FROM parts')).toEqual([
      { number: 1, gateway_id: 'id-1', price: 0.05 },
      { number: 2, gateway_id: 'id-2', price: 0.07 },
    ]);
  });

  it('the end of an attempt adds to the price of earlier attempts, and only what was accepted', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const refused = { ...PART, status: 6, price: 9 };
    const end = ended(id, { claim: { id, number: 1, price: 0.5 }, parts: [PART, refused] });
    commit(() => spool.settlements.write([end]));
    expect(other.message(id)['price']).toBeCloseTo(0.55);
  });

  it('the end of an attempt goes to every message of a large batch', () => {
    const { other, spool, commit, claim } = setup();
    const ids = Array.from({ length: 150 }, () => other.drop());
    claim(...ids);
    commit(() => spool.settlements.write(ids.map((id) => ended(id))));
    expect(other.all(`SELECT 1 FROM messages WHERE state = 'await-receipt'`)).toHaveLength(150);
    expect(other.all('SELECT 1 FROM parts')).toHaveLength(150);
  });
});

describe('a claim that somebody else has moved', () => {
  it('a claim that somebody else has moved changes nothing of the message, and is reported alone', () => {
    const { other, spool, commit, claim } = setup();
    const [mine, lost] = [other.drop(), other.drop()];
    claim(mine, lost);
    other.db
      .prepare(
        `UPDATE messages SET revision = revision + 1, state = 'delivered', reason = 'x' WHERE id = ?`,
      )
      .run(lost);
    const reported = commit(() => spool.settlements.write([ended(lost), ended(mine)]));
    expect(reported.map(({ claim: { id } }) => id)).toEqual([lost]);
    expect(other.message(lost)).toMatchObject({ state: 'delivered', reason: 'x', price: null });
    expect(other.message(mine)['state']).toBe('await-receipt');
  });

  it('a claim that somebody else has moved is not settled by an earlier attempt of its own', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const back = { ...ACCEPTED, to: 'queued', attempts: 0, dueAt: null } as const;
    commit(() => spool.settlements.write([ended(id, { settlement: back, parts: [] })]));
    claim(id);
    const reported = commit(() => spool.settlements.write([ended(id, { parts: [] }, 1)]));
    expect(reported).toHaveLength(1);
    expect(other.message(id)).toMatchObject({ state: 'sending', last_attempt: 2 });
  });
});

describe('events', () => {
  it('get numbers without a gap, in the order given', () => {
    const { other, spool, commit } = setup();
    const row = (messageId: number) => ({
      row: {
        at: NOW,
        messageId,
        account: 'main',
        sender: 'AcmeInc',
        event: 'message.queued',
        from: 'sending',
        to: 'queued',
        reason: 'not-sent',
        attempt: 1,
      },
    });
    const first = commit(() => spool.events.append([row(1)]));
    const ids = Array.from({ length: 200 }, (_, index) => index + 2);
    expect(commit(() => spool.events.append(ids.map(row)))).toBe(first + 1);
    const written = other.all('SELECT seq, message_id FROM events ORDER BY seq');
    expect(written.map((event) => event['message_id'])).toEqual([1, ...ids]);
    expect(written.at(-1)?.['seq']).toBe(first + 200);
  });

  it('events of a transaction that failed are not there, and neither are its numbers missed', () => {
    const { other, spool, commit, claim } = setup();
    const id = other.drop();
    claim(id);
    const failing = (): never => {
      spool.settlements.write([ended(id)]);
      throw new Error('a bug');
    };
    expect(() => commit(failing)).toThrow('a bug');
    expect(other.message(id)['state']).toBe('sending');
    expect(other.all('SELECT * FROM parts')).toEqual([]);
    commit(() => spool.settlements.write([ended(id)]));
    expect(other.message(id)['state']).toBe('await-receipt');
    expect(END.endedAt).toBe(other.message(id)['updated_at']);
  });
});

describe('a lock held by another program', () => {
  it('a lock held by another program is answered busy at once, and nothing is lost', () => {
    const { other, spool, claim } = setup();
    const id = other.drop();
    claim(id);
    other.db.exec('BEGIN IMMEDIATE');
    let ran = 0;
    const write = (): void => {
      ran += 1;
      spool.settlements.write([ended(id)]);
    };
    expect(spool.transaction(write)).toBe('busy');
    expect(ran).toBe(0);
    other.db.exec('COMMIT');
    expect(spool.transaction(write)).toBeUndefined();
    expect(other.message(id)['state']).toBe('await-receipt');
  });
});
