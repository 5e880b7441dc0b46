/**
 * Controls the demo's gateway and queries it over HTTP, as a developer would: `POST /control` and `GET /ledger`.
 */
import type { LedgerCounters } from '../sandbox/sandbox-ledger.ts';
import type { SandboxChanges } from '../sandbox/sandbox-options.ts';

/** Changes the named settings; in force when it resolves. Throws the gateway's complaint. */
export async function tellGateway(url: string, changes: SandboxChanges): Promise<void> {
  const response = await ask(`${url}/control`, { method: 'POST', body: JSON.stringify(changes) });
  await response.text();
}

/** Number of receipts that the gateway has yet to send. */
export async function receiptsPending(url: string): Promise<number> {
  const response = await ask(`${url}/ledger?entries=no`);
  const { counters } = (await response.json()) as { readonly counters: LedgerCounters };
  return counters.receiptsPending;
}

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`the demo's gateway said ${await response.text()}`);
  return response;
}
