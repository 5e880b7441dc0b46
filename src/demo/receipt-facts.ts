/** Counts the receipts that the daemon took, and measures when they came, from the spool and the ledger. */
import type { SandboxLedger } from '../sandbox/sandbox-ledger.ts';
import type { Database } from '../spool/file/open.ts';

export interface ReceiptFacts {
  /** On disk. */
  readonly taken: number;
  /** Sent by the gateway a second time on purpose; none of them is kept. */
  readonly repeats: number;
  /** Taken before the answer to their own request. */
  readonly early: number;
  /** From acceptance at the gateway to when the receipt was taken, the median (ms); null = none was. */
  readonly afterMs: number | null;
}

interface TakenReceipt {
  readonly received_at: number;
  readonly client_ref: string | null;
  readonly ended_at: number | null;
}

/* An attempt whose answer was lost ended when that was noticed. */
const RECEIPTS = `
  SELECT receipts.received_at, receipts.client_ref, attempts.ended_at
  FROM receipts LEFT JOIN attempts
    ON attempts.message_id = receipts.message_id AND attempts.client_ref = receipts.client_ref`;

export function receiptFactsOf(db: Database, ledger: SandboxLedger): ReceiptFacts {
  const receipts = db.prepare<[], TakenReceipt>(RECEIPTS).all();
  const acceptedAt = new Map(ledger.entries().map(({ clientRef, at }) => [clientRef, at]));
  const waitsMs = receipts.flatMap(({ received_at, client_ref }) => {
    const at = acceptedAt.get(client_ref);
    return at === undefined ? [] : [(received_at - at) * 1000];
  });
  return {
    taken: receipts.length,
    repeats: ledger.counters.receiptsRepeated,
    early: receipts.filter(({ received_at, ended_at }) => received_at < (ended_at ?? 0)).length,
    afterMs: waitsMs.toSorted((a, b) => a - b)[Math.floor(waitsMs.length / 2)] ?? null,
  };
}
