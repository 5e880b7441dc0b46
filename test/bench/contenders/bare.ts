/**
 * The ceiling: undici alone, no storage, no log, nothing read but the bytes. `--mode request` awaits
 * Pool.request and its body in as many loops as requests may be open; `--mode dispatch` starts the next
 * request from the callback of the last.
 */
import { Pool } from 'undici';
import { form, HEADERS, PATH } from '../rows.ts';
import { measure, readTask } from './result.ts';

const { mode, url, messages, inFlight } = readTask();
const pool = new Pool(url, { connections: inFlight, pipelining: 1 });
let next = 0;

const options = (): { path: string; method: 'POST'; headers: typeof HEADERS; body: string } => {
  next += 1;
  return { path: PATH, method: 'POST', headers: HEADERS, body: form(next) };
};

async function requestLoop(): Promise<void> {
  while (next < messages) {
    const { statusCode, body } = await pool.request(options());
    await body.text();
    if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
  }
}

function dispatchLoop(): Promise<void> {
  return new Promise((resolve, reject) => {
    const send = (): void => {
      if (next >= messages) {
        resolve();
        return;
      }
      const chunks: Buffer[] = [];
      pool.dispatch(options(), {
        onRequestStart: () => undefined,
        onResponseStart: (_, statusCode) => {
          if (statusCode !== 200) reject(new Error(`answered ${statusCode}`));
        },
        onResponseData: (_, chunk) => void chunks.push(chunk),
        onResponseEnd: () => {
          Buffer.concat(chunks).toString();
          send();
        },
        onResponseError: (_, error) => reject(error),
      });
    };
    send();
  });
}

const loop = mode === 'dispatch' ? dispatchLoop : requestLoop;
await measure(messages, async () => {
  await Promise.all(Array.from({ length: inFlight }, loop));
});
await pool.close();
