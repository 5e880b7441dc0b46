/**
 * Opens and closes the port of a sandbox: closed, connections are truly refused; opened again, it is the same port.
 *
 * Changes happen one after the other, in the order of the calls.
 */
import type { Server } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const RETRY_MS = 100;
const TRIES = 50;

export class Listener {
  readonly #server: Server;
  readonly #host: string;
  #port: number;
  #isOpen = false;
  #wasOpen = false;
  #last: Promise<void> = Promise.resolve();

  /** Port 0 = the first opening chooses one, which is kept. */
  constructor(server: Server, host: string, port: number) {
    this.#server = server;
    this.#host = host;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  /** Rejects when the port is not available; a port that was open before is tried for five seconds. */
  open(): Promise<void> {
    return this.#then(async () => {
      if (this.#isOpen) return;
      await this.#listen();
      this.#isOpen = true;
    });
  }

  /** Stops listening and cuts every connection. */
  close(): Promise<void> {
    return this.#then(async () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      await new Promise<void>((resolve) => {
        this.#server.close(() => resolve());
        this.#server.closeAllConnections();
      });
    });
  }

  #then(change: () => Promise<void>): Promise<void> {
    const done = this.#last.then(change);
    // The next change happens however this one ended; only the caller of this one sees its error.
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #listen(): Promise<void> {
    // Another process may have taken the port for an outgoing connection meanwhile.
    for (let left = this.#wasOpen ? TRIES : 1; left > 0; left -= 1) {
      const error = await this.#tryListen();
      if (error === null) return;
      if (left === 1) throw error;
      await wait(RETRY_MS);
    }
  }

  #tryListen(): Promise<Error | null> {
    return new Promise((resolve) => {
      const failed = (error: Error): void => resolve(error);
      this.#server.once('error', failed);
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off('error', failed);
        const address = this.#server.address();
        if (address !== null && typeof address === 'object') this.#port = address.port;
        this.#wasOpen = true;
        resolve(null);
      });
    });
  }
}
