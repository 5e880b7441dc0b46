/**
 * The port of a sandbox: opened, closed so that connections are truly refused, opened again on the same one.
 *
 * Changes happen one after the other, in the order they were asked for.
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

  /** Rejects when the port cannot be had; one that was had before is asked for again for five seconds. */
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
    // The next change does not care how this one ended; whoever asked for this one is told.
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #listen(): Promise<void> {
    // While it was closed another process may have got the port as the source of a connection.
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
