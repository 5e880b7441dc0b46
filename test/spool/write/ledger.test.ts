/** A message's attempts, parts and receipts as the fold takes them, and what it found out on disk. */
import { describe, expect, it } from 'vitest';
import type { AnswerPart } from '../../../src/core/answer/observation.ts';
import type { Receipt } from '../../../src/core/receipt/receipt.ts';
import { hear, type Attempt } from '../../../src/core/receipt/reconcile.ts';
import type { Settlement } from '../../../src/core/answer/settle.ts';
import { ACCEPTED, ended, END, NOW, PART, setup } from '../../support/spool.ts';

const RECIPIENT = '447700900000';
const UNANSWERED = { ...END, route: 'uncertain', httpStatus: null, status: null };
const TO_UNCERTAIN: Settlement = { ...ACCEPTED, to: 'uncertain', reason: 'timeout', follows: 1 };

function receiptOf(over: Partial<Receipt> = {}): Receipt {
  return {
    receivedAt: NOW + 9,
    gatewayId: 'id-1',
    clientRef: null,
    recipient: RECIPIENT,
    apiKey: null,
    status: 'delivered',
    code: 0,
    price: null,
    network: null,
    digest: JSON.stringify(over),
    raw: '{}',
    ...over,
  };
}

/** One message; its attempts are claimed and ended one after another. */
function message() {
  const bundle = setup();
  const { other, spool, commit, claim } = bundle;
  const id = other.drop();
  const number = (): number => Number(other.message(id)['last_attempt']);
  const begin = (): number => {
    other.db
      .prepare(
        `UPDATE messages SET revision = revision + 1, state = 'queued', due_at = NULL WHERE id = ?`,
      )
      .run(id);
    claim(id);
    return number();
  };
  return {
    ...bundle,
    id,
    ledgers: spool.ledgers,
    read: () => spool.ledgers.read(id),
    accept: (parts: readonly AnswerPart[] = [PART]): void => {
      const attempt = begin();
      commit(() => spool.settlements.write([ended(id, { parts }, attempt)]));
    },
    lose: (): void => {
      const attempt = begin();
      const over = { settlement: TO_UNCERTAIN, end: UNANSWERED, parts: [] };
      commit(() => spool.settlements.write([ended(id, over, attempt)]));
    },
    open: begin,
    keep: (attempt: number, over: Partial<Receipt> = {}): number =>
      commit(() => {
        const match = { messageId: id, attempt, recipient: RECIPIENT, account: null };
        return spool.receipts.keep(receiptOf(over), match);
      }),
    /** Folds and writes, as the reconciler does. */
    write: (): readonly Attempt[] =>
      commit(() => {
        const before = spool.ledgers.read(id);
        const attempts = hear(before.attempts, before.heard, false);
        spool.ledgers.write(id, before, attempts);
        return attempts;
      }),
    parts: () => other.all('SELECT * FROM parts ORDER BY attempt, number'),
  };
}

describe('a ledger', () => {
  it('a ledger holds every attempt with its parts, in order, and whether it is open or closed', () => {
    const { read, accept, lose, open, ledgers, id, commit } = message();
    accept([PART, { ...PART, status: 6, gatewayId: null, price: null }]);
    lose();
    commit(() => ledgers.close(id));
    open();
    expect(read().attempts).toMatchObject([
      {
        ...{ number: 1, route: 'await-receipt', isClosed: true },
        parts: [
          { number: 1, gatewayId: 'id-1', status: 0, price: 0.05, network: '23410' },
          { number: 2, gatewayId: null, status: 6, price: null },
        ],
      },
      { number: 2, route: 'uncertain', isClosed: false, parts: [] },
      { number: 3, route: null, isClosed: false, parts: [] },
    ]);
  });

  it('a ledger holds what was heard in the order it was stored, and nothing of other messages', () => {
    const { read, accept, keep, other, claim } = message();
    accept();
    const stranger = other.drop();
    claim(stranger);
    keep(2, { status: 'failed', code: 8, receivedAt: NOW + 5 });
    keep(1, { status: 'accepted', price: 0.04, network: '23433', receivedAt: NOW + 1 });
    other.db.prepare('UPDATE receipts SET message_id = ? WHERE status = ?').run(stranger, 'failed');
    keep(1, { gatewayId: null, status: null, code: null });
    expect(read().heard).toMatchObject([
      { attempt: 1, gatewayId: 'id-1', status: 'accepted', price: 0.04, network: '23433' },
      { attempt: 1, gatewayId: null, status: null, code: null, receivedAt: NOW + 9 },
    ]);
  });

  it('a ledger of a flooded message holds the oldest of what was heard', () => {
    const { read, accept, other, id } = message();
    accept();
    const insert = `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
      INSERT INTO receipts (received_at, code, message_id, attempt, raw, digest)
      SELECT 0, i, ${id}, 1, '{}', i FROM n`;
    other.db.exec(insert);
    const codes = read().heard.map(({ code }) => code);
    expect(codes).toHaveLength(2_000);
    expect([codes[0], codes.at(-1)]).toEqual([1, 2_000]);
  });

  it('a ledger of a message that there is not is empty', () => {
    const { ledgers, id } = message();
    expect(ledgers.read(id + 1)).toEqual({ attempts: [], heard: [] });
    expect(ledgers.content(id + 1)).toBeNull();
    expect(ledgers.content(id)).toMatchObject({ type: 'auto', text: 'Your table is ready' });
  });
});

describe('what was heard', () => {
  it('what was heard is written to the parts it is about, and to no other', () => {
    const { accept, keep, write, parts } = message();
    accept([PART, { ...PART, gatewayId: 'id-2' }]);
    keep(1, { gatewayId: 'id-2', status: 'failed', code: 8 });
    write();
    expect(parts()).toMatchObject([
      { number: 1, receipt_status: null, receipt_code: null, receipt_at: null },
      { number: 2, receipt_status: 'failed', receipt_code: 8, receipt_at: NOW + 9, price: 0.05 },
    ]);
  });

  it('what was heard makes a part that no answer told of, once', () => {
    const { lose, keep, write, parts, read } = message();
    lose();
    keep(1, { gatewayId: 'b', status: 'accepted', code: null, price: 0.03 });
    write();
    keep(1, { gatewayId: 'a', status: 'delivered' });
    keep(1, { gatewayId: 'b', status: 'failed', code: 8 });
    write();
    const twice = parts();
    write();
    expect(parts()).toEqual(twice);
    expect(twice).toMatchObject([
      { attempt: 1, number: 1, gateway_id: 'b', status: null, price: 0.03, receipt_code: 8 },
      { attempt: 1, number: 2, gateway_id: 'a', status: null, receipt_status: 'delivered' },
    ]);
    expect(read().attempts[0]?.parts).toMatchObject([{ gatewayId: 'b' }, { gatewayId: 'a' }]);
  });

  it('what was heard is written again from the receipts alone, whatever the parts say', () => {
    const { accept, keep, write, parts, other } = message();
    accept();
    keep(1, { status: 'failed', code: 8 });
    write();
    const before = parts();
    other.db.exec(
      `UPDATE parts SET receipt_status = 'delivered', receipt_code = 0, receipt_at = 1`,
    );
    write();
    expect(parts()).toEqual(before);
  });
});

describe('a message that is started over', () => {
  it('a message that is started over closes the attempts that are known to be accepted, by answer or receipt, and no others', () => {
    const { accept, lose, keep, write, ledgers, id, commit, other } = message();
    accept();
    lose();
    lose();
    accept([{ ...PART, status: 6 }]);
    keep(3, { gatewayId: 'found' });
    write();
    commit(() => ledgers.close(id));
    expect(other.all('SELECT number, closed FROM attempts ORDER BY number')).toEqual([
      { number: 1, closed: 1 },
      { number: 2, closed: null },
      { number: 3, closed: 1 },
      { number: 4, closed: null },
    ]);
  });

  it('a message that is started over closes no attempt of another message', () => {
    const { accept, ledgers, id, commit, other } = message();
    accept();
    commit(() => ledgers.close(id + 1));
    expect(other.all('SELECT closed FROM attempts')).toEqual([{ closed: null }]);
  });

  it('a message that is started over counts attempts from 0; the next one follows the last', () => {
    const { accept, lose, ledgers, id, commit, other } = message();
    lose();
    accept();
    commit(() => ledgers.restart(id));
    expect(other.message(id)).toMatchObject({
      ...{ attempts: 0, restarted_at: 2, last_attempt: 2, follows: 2 },
    });
  });
});

describe('what else is asked of a ledger', () => {
  it('the price is set, also to none', () => {
    const { ledgers, id, commit, other } = message();
    for (const price of [0.07, 0.07, null]) {
      commit(() => ledgers.setPrice(id, price));
      expect(other.message(id)['price']).toBe(price);
    }
  });

  it('the number of parts is the last one found', () => {
    const { ledgers, id, commit, other } = message();
    for (const parts of [1, 2, 2]) {
      commit(() => ledgers.setParts(id, parts));
      expect(other.message(id)['parts']).toBe(parts);
    }
  });

  it('what else is asked of a ledger when the latest attempt began that nobody answered', () => {
    const { accept, lose, ledgers, id, other } = message();
    expect(ledgers.unansweredSince(id)).toBeNull();
    lose();
    accept();
    other.db.exec('UPDATE attempts SET began_at = began_at + number');
    expect(ledgers.unansweredSince(id)).toBe(NOW + 1);
    lose();
    expect(ledgers.unansweredSince(id)).toBe(NOW);
  });

  it('the ids of parts that were accepted, by answer or receipt', () => {
    const { accept, lose, keep, write, ledgers, id } = message();
    accept([PART, { ...PART, gatewayId: 'refused', status: 6 }, { ...PART, gatewayId: null }]);
    lose();
    keep(2, { gatewayId: 'found' });
    write();
    expect(ledgers.gatewayIds(id)).toEqual(['id-1', 'found']);
  });

  it('the duplicates written down, and how often it was moved for a reason', () => {
    const { ledgers, id, commit, spool } = message();
    const row = { at: NOW, account: null, sender: null, from: null, to: null, attempt: null };
    const entry = (messageId: number, event: string, reason: string) => ({
      row: { ...row, messageId, event, reason },
    });
    commit(() =>
      spool.events.append([
        entry(id, 'message.duplicate', 'accepted-twice'),
        entry(id, 'message.retry', 'receipts-resend'),
        entry(id, 'message.retry', 'resend'),
        entry(id + 1, 'message.duplicate', 'accepted-twice'),
        entry(id + 1, 'message.retry', 'receipts-resend'),
      ]),
    );
    expect(ledgers.duplicates(id)).toBe(1);
    expect(ledgers.moves(id, 'receipts-resend')).toBe(1);
    expect(ledgers.moves(id, 'requeued')).toBe(0);
  });
});
