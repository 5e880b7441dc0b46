/**
 * The gateway's side of receipts: pushes each body of a file once, as a form, over keep-alive connections taken
 * in turn. A process of its own:
 *
 *   node receipt-stream.ts --url URL --bodies FILE --connections N --rate R --mark N
 *
 * prints {"began":true} when all connections are open, {"acknowledged":N} when the mark is reached or the stream
 * has ended, and at its end a StreamResult. Rate 0 = each connection pushes as soon as it was answered. A push
 * is timed from when it is due on its connection, so that one that must wait there is not flattered. It pushes
 * nothing twice, and ends when a connection breaks.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Client } from 'undici';
import { monotonicMs } from './clock.ts';

export interface StreamResult {
  /** Bodies that were answered with 2xx, by their index, in the order of the answers. */
  readonly acknowledged: readonly number[];
  /** Milliseconds from request to answer, of each of them. */
  readonly tookMs: readonly number[];
  /** Answered with anything else. */
  readonly refused: number;
  /** Not answered. */
  readonly cutOff: number;
  /** Receipts acknowledged per second, up to the mark. */
  readonly rate: number;
}

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    bodies: { type: 'string', default: '' },
    connections: { type: 'string', default: '50' },
    rate: { type: 'string', default: '0' },
    mark: { type: 'string', default: '0' },
  },
});
const { origin, pathname: path } = new URL(values.url);
const rate = Number(values.rate);
const mark = Number(values.mark);
const bodies = readFileSync(values.bodies, 'utf8').split('\n');
const clients = Array.from({ length: Number(values.connections) }, () => new Client(origin));

const HEADERS = {
  'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
  'user-agent': 'Vonage/MessagingHUB/v1.0',
} as const;

const acknowledged: number[] = [];
const tookMs: number[] = [];
let refused = 0;
let cutOff = 0;
let sent = 0;
let beganAt = 0;
let markedAt = NaN;

const isOver = (): boolean => cutOff > 0 || sent === bodies.length;

function reachMark(): void {
  if (!Number.isNaN(markedAt)) return;
  markedAt = monotonicMs();
  console.log(JSON.stringify({ acknowledged: acknowledged.length }));
}

/** Pushes the next body; resolves when it was answered or cut off. */
function push(client: Client): Promise<void> {
  const index = sent;
  sent += 1;
  const from = monotonicMs();
  let status = 0;
  return new Promise((resolve) => {
    client.dispatch(
      { path, method: 'POST', headers: HEADERS, body: bodies[index] ?? '' },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_, statusCode) => void (status = statusCode),
        onResponseData: () => undefined,
        onResponseEnd: () => {
          if (status >= 200 && status < 300) {
            tookMs.push(monotonicMs() - from);
            acknowledged.push(index);
            if (acknowledged.length === mark) reachMark();
          } else refused += 1;
          resolve();
        },
        onResponseError: () => {
          cutOff += 1;
          resolve();
        },
      },
    );
  });
}

async function pushInTurn(client: Client): Promise<void> {
  while (!isOver()) await push(client);
}

/* As many as are due by the clock, whatever became of those before. */
function pushEvenly(): Promise<void> {
  let open = 0;
  return new Promise((resolve) => {
    const finish = (): void => {
      open -= 1;
      if (open === 0 && isOver()) resolve();
    };
    const tick = (): void => {
      const due = Math.floor(((monotonicMs() - beganAt) * rate) / 1000) + 1;
      while (!isOver() && sent < due) {
        const client = clients[sent % clients.length];
        if (client === undefined) throw new Error('no connections');
        open += 1;
        void push(client).then(finish);
      }
      if (!isOver()) setTimeout(tick, 1);
      else if (open === 0) resolve();
    };
    tick();
  });
}

/* As the API asks when the address is set; opens the connection. */
async function ask(client: Client): Promise<void> {
  const { statusCode, body } = await client.request({ path, method: 'GET' });
  await body.dump();
  if (statusCode !== 200) throw new Error(`a bare GET was answered ${statusCode}`);
}

await Promise.all(clients.map(ask));
beganAt = monotonicMs();
console.log(JSON.stringify({ began: true }));
await (rate === 0 ? Promise.all(clients.map(pushInTurn)) : pushEvenly());
reachMark();
const counted = Math.min(acknowledged.length, mark);
const seconds = (markedAt - beganAt) / 1000;
const result: StreamResult = { acknowledged, tookMs, refused, cutOff, rate: counted / seconds };
console.log(JSON.stringify(result));
await Promise.all(clients.map((client) => client.destroy()));
