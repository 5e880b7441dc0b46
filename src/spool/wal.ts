/**
 * Reads the length of the -wal next to the spool and copies it into the spool. A commit copies it as well, after as many
 * bytes as open.ts says. SQLite restarts the -wal only when no reader needs it.
 */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

/** As SQLite answers: whether somebody was in the way, and pages in the -wal. */
interface Checkpoint {
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
}

const NONE: Checkpoint = { busy: 1, log: 0, checkpointed: 0 };

export class Wal {
  readonly #db: Database;
  readonly #path: string;
  /** Pages that the latest checkpoint found, or made, copied. */
  copied = 0;
  readonly #isOurs: () => boolean;

  /** `isOurs`: whether the spool is still the file that was opened; else nothing is copied into it. */
  constructor(db: Database, path: string, isOurs: () => boolean) {
    this.#db = db;
    this.#path = path;
    this.#isOurs = isOurs;
  }

  /** Bytes. */
  get size(): number {
    return walSize(this.#path);
  }

  /** Pages in it, those that were copied included; the next commit begins it anew when all of them were. */
  get pages(): number {
    return this.#checkpoint('NOOP').log;
  }

  /** Copies as much as readers allow. Waits for nobody, and nobody waits for it. */
  copy(): void {
    if (this.#isOurs()) this.#checkpoint('PASSIVE');
  }

  /**
   * Copies as much as readers allow, and cuts the file to nothing when nobody needs it; false = somebody does.
   * Waits for nobody.
   */
  truncate(): boolean {
    return this.#isOurs() && this.#checkpoint('TRUNCATE').busy === 0;
  }

  #checkpoint(mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): Checkpoint {
    const [row] = this.#db.pragma(`wal_checkpoint(${mode})`) as readonly Checkpoint[];
    const done = row ?? NONE;
    this.copied = done.checkpointed;
    return done;
  }
}

/** Bytes of the -wal beside `path`; 0 = there is none. Opens nothing. */
export function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
