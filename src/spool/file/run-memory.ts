/**
 * Keeps what outlives a run of the daemon: its times in the spool, and the last states of each spool in a file of the
 * daemon's own folder. What a state means is decided in core/spool-state/rollback.
 *
 * Always holds: a file that cannot be read or written is no error; then nothing is remembered.
 */
import type { Database } from 'better-sqlite3';
import type { Remembered } from '../../core/spool-state/rollback.ts';
import { jsonIn, KeyValues, listIn, RUNS } from '../sql/kv.ts';
import type { OwnFolder } from './own-folder.ts';

const RUN_TIMES = 'run-times';

export interface LastRun {
  /** Whether a daemon has ever run on this spool. */
  readonly hasRun: boolean;
  /** Unix seconds; null = nobody knows. */
  readonly beganAt: number | null;
  /** When it ended, or was last seen. */
  readonly endedAt: number | null;
  /** When it last read its configuration: at its start, or by a reload. */
  readonly readAt: number | null;
}

/** In the transaction that begins a run. */
export function noteRunBegan(db: Database, now: number): void {
  write(db, { began_at: now });
}

/** The configuration, and the secrets that are read with it, are in force from now on. In a transaction. */
export function noteConfigRead(db: Database, now: number): void {
  const { beganAt } = lastRunOf(db);
  write(db, { began_at: beganAt ?? now, read_at: now });
}

/** The last thing that a run writes. */
export function noteRunEnded(db: Database, now: number): void {
  const { beganAt } = lastRunOf(db);
  write(db, { began_at: beganAt ?? now, ended_at: now });
}

function write(db: Database, times: Readonly<Record<string, number>>): void {
  new KeyValues(db).set(RUN_TIMES, JSON.stringify(times));
}

export function lastRunOf(db: Database): LastRun {
  const values = new KeyValues(db);
  const noted = values.get(RUN_TIMES);
  const times = jsonIn(noted);
  const hasRun = noted !== null || values.get(RUNS) !== null;
  const beganAt = instantIn(times?.['began_at']);
  const endedAt = instantIn(times?.['ended_at']) ?? (hasRun ? lastSeenAt(db, beganAt) : null);
  const readAt = instantIn(times?.['read_at']) ?? beganAt;
  return { hasRun, beganAt, endedAt, readAt };
}

function instantIn(value: unknown): number | null {
  return typeof value === 'number' && value >= 1e9 && value < 1e10 ? value : null;
}

function lastSeenAt(db: Database, beganAt: number | null): number | null {
  const at = instantIn(db.prepare('SELECT at FROM events ORDER BY seq DESC LIMIT 1').pluck().get());
  if (at === null || beganAt === null) return at ?? beganAt;
  return Math.max(at, beganAt);
}

const FILE = 'memory';
const NOTE = 'memory-note';
/** A note has one length, so that it replaces the one before. */
const NOTE_LENGTH = 256;
/** Spools that were at one path; the latest are kept. */
const STATES_MAX = 100;

export class Memory {
  readonly #own: OwnFolder;

  constructor(own: OwnFolder) {
    this.#own = own;
  }

  /** Whether anything was ever remembered here. */
  get isNew(): boolean {
    return this.#read(FILE) === null;
  }

  /** The last states of each spool that was here; empty = nothing is known. */
  recall(): readonly Remembered[] {
    return [...(this.#read(FILE) ?? []), ...(this.#read(NOTE) ?? [])];
  }

  /** On disk, in the place of what is remembered of that spool. False: it cannot be, and all is as it was. */
  remember(...states: readonly Remembered[]): boolean {
    const named = new Set(states.map(({ identity }) => identity));
    const others = (this.#read(FILE) ?? []).filter(({ identity }) => !named.has(identity));
    const all = [...others, ...states].slice(-STATES_MAX);
    return attempt(() => {
      this.#own.write(FILE, JSON.stringify(all));
      this.#own.remove(NOTE);
    });
  }

  /** The same at once and without fsync. */
  note(state: Remembered): boolean {
    const text = JSON.stringify([state]).padEnd(NOTE_LENGTH - 1) + '\n';
    return attempt(() => this.#own.overwrite(NOTE, text));
  }

  #read(name: string): readonly Remembered[] | null {
    const read: (string | null)[] = [];
    attempt(() => read.push(this.#own.read(name)));
    const [text = null] = read;
    return text === null ? null : listIn(text, isState);
  }
}

function isState(value: unknown): value is Remembered {
  const { identity, nonce, seq } = (value ?? {}) as Partial<Record<keyof Remembered, unknown>>;
  return typeof identity === 'string' && typeof nonce === 'string' && typeof seq === 'number';
}

/* False = the system refused it. */
function attempt(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}
