/** The daemon under a program that always reads: the -wal stays short, and everything goes. */
import { expect, it } from 'vitest';
import Sqlite, { type Database } from 'better-sqlite3';
import { walSize } from '../../src/spool/file/wal.ts';
import { Trial } from './trial.ts';

const MIB = 1024 ** 2;
/** What the -wal may have before anybody is waited for, and what is written meanwhile. */
const ENOUGH = 64 * MIB;
/** 4 MiB that belong to no message. */
const FILLER = `INSERT INTO keys (key, message_id, used_at)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
  SELECT hex(randomblob(2000)), 0, 4e9 FROM numbers`;
const WRITTEN_MIB = 100;
const TIMEOUT_MS = 300_000;

/** Two connections whose read transactions overlap, so that somebody always reads. */
class Readers implements Disposable {
  readonly #connections: readonly Database[];
  #held = 0;

  constructor(path: string) {
    this.#connections = [0, 1].map(() => new Sqlite(path, { readonly: true, timeout: 10_000 }));
    this.#begin(0);
  }

  /** The other one begins, then this one ends. */
  turn(): void {
    this.#begin(1 - this.#held);
    this.#connections[this.#held]?.exec('COMMIT');
    this.#held = 1 - this.#held;
  }

  #begin(index: number): void {
    this.#connections[index]?.exec('BEGIN');
    this.#connections[index]?.prepare('SELECT count(*) FROM messages').get();
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}

it(
  'reading starts again although there is always a reader',
  async () => {
    await using trial = await Trial.begin({ messages: 50 });
    const program = trial.startWith({ silenceMs: TIMEOUT_MS });
    await program.line(({ event }) => event === 'daemon.ready');
    using readers = new Readers(trial.path);
    const filling = new Sqlite(trial.path, { timeout: 60_000 });
    filling.pragma('wal_autocheckpoint = 0');
    let shrunk = 0;
    let size = walSize(trial.path);
    for (let written = 0; written < WRITTEN_MIB || shrunk === 0; written += 4) {
      filling.exec(FILLER);
      /* Who writes waits, too, where the -wal has become long; the daemon looks once a second. */
      do {
        readers.turn();
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (walSize(trial.path) < size) shrunk += 1;
        size = walSize(trial.path);
      } while (size > ENOUGH);
    }
    filling.close();
    expect(shrunk).toBeGreaterThan(0);
    await trial.until(program, ['await-receipt']);
    program.kill('SIGTERM');
    expect(await program.end()).toMatchObject({ code: 0 });
  },
  TIMEOUT_MS,
);
