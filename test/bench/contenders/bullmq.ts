/**
 * The strongest rival: a BullMQ worker over Redis (its append-only file and its flushing are the business of
 * whoever started Redis), the same requests by undici. `--store` is Redis's port on loopback. The jobs are
 * added before the clock starts; the worker runs from its first job to the last one completed.
 */
import { Queue, Worker } from 'bullmq';
import { Pool } from 'undici';
import { form, HEADERS, PATH } from '../rows.ts';
import { measure, readTask } from './result.ts';

const CHUNK = 1000;
const { url, messages, inFlight, store } = readTask();
const connection = { host: '127.0.0.1', port: Number(store), maxRetriesPerRequest: null };
const queue = new Queue<{ readonly index: number }>('sms', { connection });
for (let from = 1; from <= messages; from += CHUNK) {
  const length = Math.min(CHUNK, messages - from + 1);
  await queue.addBulk(
    Array.from({ length }, (_, at) => ({ name: 'sms', data: { index: from + at } })),
  );
}

const pool = new Pool(url, { connections: inFlight, pipelining: 1 });
const worker = new Worker<{ readonly index: number }, string>(
  'sms',
  async ({ data }) => {
    const { body } = await pool.request({
      path: PATH,
      method: 'POST',
      headers: HEADERS,
      body: form(data.index),
    });
    const answer = (await body.json()) as { messages: { 'message-id': string; status: string }[] };
    const [part] = answer.messages;
    if (part?.status !== '0') throw new Error('refused');
    return part['message-id'];
  },
  { connection, concurrency: inFlight, autorun: false },
);
await worker.waitUntilReady();

await measure(messages, async () => {
  let completed = 0;
  await new Promise<void>((resolve, reject) => {
    worker.on('completed', () => {
      completed += 1;
      if (completed === messages) resolve();
    });
    worker.on('failed', (_, error) => reject(error));
    worker.on('error', reject);
    worker.run().catch(reject);
  });
});

const counted = await queue.getJobCounts('completed');
if (counted['completed'] !== messages) throw new Error('not every job was completed');
await worker.close();
await queue.close();
await pool.close();
