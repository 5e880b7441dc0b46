/**
 * Run in the machine: brings the daemon the receipt of each message in the gateway's ledger, which comes as
 * lines on standard input; each over a connection of its own, all at once. A connection that a process took down with it is
 * made again, as the gateway does; one that is refused is not. Ends with a line of JSON: how often each end came.
 */
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

interface Accepted {
  readonly to: string;
  readonly messageIds: readonly string[];
  readonly clientRef: string;
}

const CUT: readonly string[] = ['ECONNRESET', 'EPIPE'];

function bring({ to, messageIds, clientRef }: Accepted): Promise<string> {
  const fields = {
    ...{ msisdn: to, to: 'AcmeInc', status: 'delivered', 'err-code': '0' },
    ...{ 'api-key': 'sandbox1', messageId: messageIds[0] ?? '', 'client-ref': clientRef },
  };
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const place = { host: '127.0.0.1', port: 8026, path: '/receipts' };
    const agent = new Agent({ maxSockets: Infinity });
    const out = request({ ...place, agent, method: 'POST', headers }, (answer) => {
      answer.resume().once('end', () => resolve(String(answer.statusCode)));
    });
    out.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    out.end(new URLSearchParams(fields).toString());
  });
}

async function bringUntilTaken(accepted: Accepted): Promise<string> {
  for (;;) {
    const end = await bring(accepted);
    if (!CUT.includes(end)) return end;
  }
}

const lines = (await text(process.stdin)).trim().split('\n');
const ends = await Promise.all(lines.map((line) => bringUntilTaken(JSON.parse(line) as Accepted)));
const counts: Record<string, number> = {};
for (const end of ends) counts[end] = (counts[end] ?? 0) + 1;
process.stdout.write(`${JSON.stringify(counts)}\n`);
