/**
 * A socket that listens and that nobody accepts from but the daemon it is passed to, as a service manager
 * holds it: connections wait in the kernel while no daemon is there, and none is refused.
 *
 * Node accepts wherever it listens. So a thread listens that sleeps from then on, and holds the descriptor
 * until it is woken.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const HOLD = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen(0, '127.0.0.1', () => {
  parentPort.postMessage({ port: server.address().port, fd: server._handle.fd });
  Atomics.wait(workerData, 0, 0);
  server.close();
});`;

export class PassedSocket implements AsyncDisposable {
  readonly port: number;
  /** Of this process. */
  readonly fd: number;
  readonly #thread: Worker;
  readonly #isOver: Int32Array;

  private constructor(
    { port, fd }: Pick<PassedSocket, 'port' | 'fd'>,
    thread: Worker,
    isOver: Int32Array,
  ) {
    this.port = port;
    this.fd = fd;
    this.#thread = thread;
    this.#isOver = isOver;
  }

  static async open(): Promise<PassedSocket> {
    const isOver = new Int32Array(new SharedArrayBuffer(4));
    const thread = new Worker(HOLD, { eval: true, workerData: isOver, execArgv: [] });
    const [held] = (await once(thread, 'message')) as [Pick<PassedSocket, 'port' | 'fd'>];
    return new PassedSocket(held, thread, isOver);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#thread, 'exit');
    Atomics.store(this.#isOver, 0, 1);
    Atomics.notify(this.#isOver, 0);
    await ended;
  }
}
