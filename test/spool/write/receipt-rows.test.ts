/** Receipts on disk: what each is about, kept as it came; and that every look for one is a seek. */
import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Receipt } from '../../../src/core/receipt/receipt.ts';
import type { Database } from '../../../src/spool/file/open.ts';
import { Ledgers } from '../../../src/spool/write/ledger.ts';
import { ReceiptRows, UnmatchedRows } from '../../../src/spool/write/receipt-rows.ts';
import { ended, NOW, PART, setup } from '../../support/spool.ts';

const RECIPIENT = '447700900000';

function receiptOf(over: Partial<Receipt> = {}): Receipt {
  return {
    receivedAt: NOW,
    gatewayId: 'id-1',
    clientRef: null,
    recipient: RECIPIENT,
    apiKey: 'abcd1234',
    status: 'delivered',
    code: 0,
    price: 0.033,
    network: '23410',
    digest: hash('sha256', JSON.stringify(over)),
    raw: '{"status":"DELIVRD"}',
    ...over,
  };
}

/** A spool with one message whose first attempt is open. */
function claimed(row: Parameters<ReturnType<typeof setup>['other']['drop']>[0] = {}) {
  const bundle = setup();
  const id = bundle.other.drop(row);
  bundle.claim(id);
  return { ...bundle, id, receipts: bundle.spool.receipts };
}

describe('a client-ref', () => {
  it('a client-ref names its attempt, of any message and any number', () => {
    const { other, spool, commit } = setup();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60_000_000 }), (number) => {
        const id = other.drop({ recipient: `+${RECIPIENT}`, account: 'other' });
        const clientRef = spool.claims.clientRef(id, number);
        commit(() => spool.claims.write([{ id, number, clientRef, follows: null }], NOW));
        expect(clientRef.length).toBeLessThanOrEqual(40);
        expect(spool.receipts.byClientRef(clientRef)).toEqual({
          ...{ messageId: id, attempt: number },
          ...{ recipient: `+${RECIPIENT}`, account: 'other' },
        });
      }),
      { numRuns: 30 },
    );
  });

  it('altered in any place names nothing', () => {
    const { spool, receipts, id } = claimed();
    const ref = spool.claims.clientRef(id, 1);
    fc.assert(
      fc.property(
        fc.nat(ref.length - 1),
        fc.constantFrom('0', 'a', 'A', 'z', 'Z', '.', '-', 'é', '\u0000', ' '),
        (at, other) => {
          const altered = `${ref.slice(0, at)}${other}${ref.slice(at + 1)}`;
          const found = receipts.byClientRef(altered);
          if (altered === ref) expect(found?.messageId).toBe(id);
          else expect(found).toBeNull();
        },
      ),
    );
  });

  it('longer, shorter or of another form names nothing, whatever it is', () => {
    const { spool, receipts, id } = claimed();
    const ref = spool.claims.clientRef(id, 1);
    const others = [`0${ref}`, `${ref}0`, ref.slice(1), ref.slice(0, -1), ` ${ref}`, ref.repeat(2)];
    for (const other of others) expect(receipts.byClientRef(other)).toBeNull();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (other) => {
        expect(receipts.byClientRef(other)).toBeNull();
      }),
    );
  });

  it('a client-ref with a number that no integer holds names nothing', () => {
    const { receipts } = claimed();
    const huge = 'z'.repeat(11);
    expect(receipts.byClientRef(`${huge}.1.${'0'.repeat(20)}`)).toBeNull();
  });

  it('a client-ref of another spool names nothing here', () => {
    const [here, there] = [claimed(), claimed()];
    const ref = there.spool.claims.clientRef(here.id, 1);
    expect(here.receipts.byClientRef(ref)).toBeNull();
  });

  it('a client-ref of an attempt that is not there names nothing, though its tag is right', () => {
    const { spool, receipts, id, other } = claimed();
    expect(receipts.byClientRef(spool.claims.clientRef(id, 2))).toBeNull();
    other.db.exec(
      `UPDATE messages SET revision = revision + 1, state = 'expired'; DELETE FROM messages`,
    );
    expect(receipts.byClientRef(spool.claims.clientRef(id, 1))).toBeNull();
  });
});

describe('the id of a part', () => {
  it('the id of a part names its attempt once an answer is on disk, and makes the index when it is first asked for', () => {
    const { spool, receipts, id, commit, other } = claimed();
    const indexed = (): number =>
      other.all(`SELECT 1 FROM sqlite_master WHERE name = 'parts_gateway_id'`).length;
    expect(indexed()).toBe(0);
    expect(commit(() => receipts.byGatewayId('id-1'))).toBeNull();
    expect(indexed()).toBe(1);
    commit(() => spool.settlements.write([ended(id)]));
    expect(commit(() => receipts.byGatewayId('id-1'))).toEqual({
      ...{ messageId: id, attempt: 1 },
      ...{ recipient: RECIPIENT, account: null },
    });
    expect(commit(() => receipts.byGatewayId('ID-1'))).toBeNull();
  });

  it('the id of a part that is in no answer names nothing, also where a part has none', () => {
    const { spool, receipts, id, commit } = claimed();
    const parts = [{ ...PART, gatewayId: null }];
    commit(() => spool.settlements.write([ended(id, { parts })]));
    expect(commit(() => receipts.byGatewayId(''))).toBeNull();
  });
});

describe('a receipt', () => {
  it('a receipt is kept as it came, matched or not', () => {
    const { receipts, spool, id, commit, other } = claimed();
    const match = { messageId: id, attempt: 1, recipient: RECIPIENT, account: null };
    const ids = commit(() => [
      receipts.keep(receiptOf({ clientRef: 'ref' }), match),
      receipts.keep(receiptOf({ gatewayId: null }), null),
    ]);
    expect(other.all('SELECT * FROM receipts')).toMatchObject([
      {
        ...{ id: ids[0], message_id: id, attempt: 1, received_at: NOW, gateway_id: 'id-1' },
        ...{ client_ref: 'ref', status: 'delivered', code: 0, price: 0.033, network: '23410' },
        ...{ recipient: RECIPIENT, raw: '{"status":"DELIVRD"}' },
      },
      { id: ids[1], message_id: null, gateway_id: null },
    ]);
    expect(receipts.hasAny(id)).toBe(true);
    expect(receipts.hasAny(id + 1)).toBe(false);
    expect(spool.unmatched.stock()).toMatchObject({ rows: 1 });
  });

  it('a receipt is known again by what it says, for each attempt apart and for those unmatched', () => {
    const { receipts, spool, id, commit } = claimed();
    const match = { messageId: id, attempt: 1, recipient: RECIPIENT, account: null };
    commit(() => receipts.keep(receiptOf({ digest: 'a' }), match));
    commit(() => receipts.keep(receiptOf({ digest: 'b' }), null));
    expect(receipts.kept(match, 'a')).toEqual({ count: 1, isKnown: true });
    expect(receipts.kept(match, 'b')).toEqual({ count: 1, isKnown: false });
    expect(receipts.kept({ ...match, attempt: 2 }, 'a')).toEqual({ count: 0, isKnown: false });
    expect(spool.unmatched.isKnown('b')).toBe(true);
    expect(spool.unmatched.isKnown('a')).toBe(false);
  });
});

describe('unmatched receipts', () => {
  it('unmatched receipts are pruned by age, a limited number at a time, and no others', () => {
    const { receipts, spool, id, commit, other } = claimed();
    const match = { messageId: id, attempt: 1, recipient: RECIPIENT, account: null };
    commit(() => {
      receipts.keep(receiptOf({ receivedAt: NOW - 100, digest: 'matched' }), match);
      for (let age = 0; age < 5; age += 1) {
        receipts.keep(receiptOf({ receivedAt: NOW - age, digest: `${age}` }), null);
      }
    });
    expect(commit(() => spool.unmatched.prune(NOW - 1, 2))).toBe(2);
    expect(commit(() => spool.unmatched.prune(NOW - 1, 2))).toBe(1);
    expect(commit(() => spool.unmatched.prune(NOW - 1, 2))).toBe(0);
    expect(spool.unmatched.stock()).toMatchObject({ rows: 2 });
    expect(other.all('SELECT digest FROM receipts ORDER BY id')).toEqual([
      { digest: 'matched' },
      { digest: '0' },
      { digest: '1' },
    ]);
  });
});

/** The SQL that a part of the spool prepares, with what `use` makes it prepare later. */
function statementsOf(db: Database, use: (db: Database) => void): readonly string[] {
  const statements: string[] = [];
  const prepare: Database['prepare'] = db.prepare.bind(db);
  const recording = (sql: string): unknown => {
    statements.push(sql);
    return prepare(sql);
  };
  db.prepare = recording as Database['prepare'];
  use(db);
  db.prepare = prepare;
  return statements;
}

function planOf(db: Database, sql: string): readonly string[] {
  const values = Array.from(sql.matchAll(/\?/g), () => 1);
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[];
  return plan.map(({ detail }) => detail);
}

function useReceipts(db: Database): void {
  new ReceiptRows(db).byGatewayId('id-1');
  new UnmatchedRows(db).joinable();
}

function useLedgers(db: Database): void {
  new Ledgers(db).read(1);
}

describe('the plans of', () => {
  /* All of the unmatched ones are read, or counted, through the index that holds no others. */
  const THROUGH_UNMATCHED = /^SCAN receipts USING (COVERING )?INDEX receipts_unmatched(_age)?$/;
  const ordinary = (detail: string): boolean =>
    /^SEARCH \w+ USING /.test(detail) ||
    THROUGH_UNMATCHED.test(detail) ||
    /^(LIST|CORRELATED SCALAR) SUBQUERY|^USING INDEX|^CREATE BLOOM/.test(detail);

  it.each([
    [
      'receipts',
      useReceipts,
      ['receipts_message', 'receipts_unmatched', 'receipts_unmatched_age', 'parts_gateway_id'],
    ],
    ['ledgers', useLedgers, ['receipts_message', 'events_message']],
  ])('%s seek, and sort nothing', (_what, use, indexes) => {
    const { other } = setup();
    const statements = statementsOf(other.db, use);
    expect(statements.length).toBeGreaterThan(5);
    const plans = statements
      .filter((sql) => !sql.startsWith('INSERT INTO') || sql.includes('SELECT'))
      /* Comparing the schema reads all of it. */
      .filter((sql) => !/sqlite_(?:master|schema)/.test(sql))
      .map((sql) => ({ sql, plan: planOf(other.db, sql) }));
    expect(plans.filter(({ plan }) => !plan.every(ordinary))).toEqual([]);
    const all = plans.flatMap(({ plan }) => plan).join('\n');
    for (const index of indexes) expect(all).toContain(`INDEX ${index}`);
  });
});
