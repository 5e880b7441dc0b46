/**
 * A server in a thread of its own, so that it goes on while the test's event loop stands still. The first number of
 * the shared array counts answers, the second connections that were closed; both wake whoever waits for them.
 *
 * `mode`: "answer" answers each request; "late" does so once the third number is not 0; after a message each
 * connection is closed.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const BODY = '{"message-count":"1","messages":[{"status":"0","message-id":"id-1"}]}';
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

const { shared, mode } = workerData as {
  readonly shared: SharedArrayBuffer;
  readonly mode: 'answer' | 'late';
};
const counts = new Int32Array(shared);
const open = new Set<Socket>();

function count(index: number): void {
  Atomics.add(counts, index, 1);
  Atomics.notify(counts, index);
}

function answer(socket: Socket): void {
  if (mode === 'late') Atomics.wait(counts, 2, 0);
  socket.write(ANSWER, () => count(0));
}

const server = createServer((socket) => {
  open.add(socket);
  let received = '';
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
  socket.on('data', (chunk) => {
    received += chunk.toString();
    const [head = '', body] = received.split('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (body === undefined || body.length < length) return;
    received = '';
    parentPort?.postMessage('asked');
    answer(socket);
  });
});

parentPort?.on('message', () => {
  for (const socket of open) {
    socket.on('close', () => count(1));
    socket.destroy();
  }
});
server.listen(0, '127.0.0.1', () => {
  parentPort?.postMessage((server.address() as AddressInfo).port);
});
