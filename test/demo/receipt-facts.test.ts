/** What the demo says of its receipts, from a real spool and a real ledger. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { receiptFactsOf } from '../../src/demo/receipt-facts.ts';
import { SandboxLedger, type NewEntry } from '../../src/sandbox/sandbox-ledger.ts';
import { makeFolder, NOW, openHandle } from '../support/spool.ts';

const entry = (clientRef: string): NewEntry => ({
  account: 'sandbox1',
  clientRef,
  to: '447700900000',
  from: 'AcmeInc',
  type: 'text',
  ttlMs: null,
  textHash: '',
  parts: 1,
  partsRefused: 0,
  messageIds: [clientRef],
  isAnswered: true,
  accountRef: null,
  price: '0.05000000',
  words: ['delivered'],
  code: 0,
  dueMs: [[0]],
});

/* Every message is accepted at NOW and answered a second later. */
function setup() {
  const { db, drop } = openHandle(join(makeFolder(), 'spool.db'));
  const ledger = new SandboxLedger(10, () => NOW * 1000);
  const attempt = db.prepare(
    'INSERT INTO attempts (message_id, number, began_at, ended_at, client_ref) VALUES (?, 1, ?, ?, ?)',
  );
  const receipt = db.prepare(
    `INSERT INTO receipts (received_at, client_ref, message_id, raw, digest) VALUES (?, ?, ?, '{}', '')`,
  );
  return {
    facts: () => receiptFactsOf(db, ledger),
    ledger,
    deliver: (clientRef: string, afterMs: number) => {
      const id = drop();
      attempt.run(id, NOW, NOW + 1, clientRef);
      ledger.accept(entry(clientRef));
      receipt.run(NOW + afterMs / 1000, clientRef, id);
    },
    /** A receipt that nobody can place. */
    stray: () => receipt.run(NOW, 'stranger', null),
  };
}

test('nothing is said of when receipts came where none did', () => {
  expect(setup().facts()).toEqual({ taken: 0, repeats: 0, early: 0, afterMs: null });
});

test('half of the receipts came within the time that is named, some before their answer', () => {
  const { deliver, stray, ledger, facts } = setup();
  deliver('a', 3_000);
  deliver('b', 500);
  deliver('c', 2_000);
  stray();
  ledger.count('receiptsRepeated');
  const { afterMs, ...rest } = facts();
  expect(rest).toEqual({ taken: 4, repeats: 1, early: 1 });
  expect(afterMs).toBeCloseTo(2_000);
});
