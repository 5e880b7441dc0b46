/**
 * What the daemon remembers of the spool at a path: in which run it was, and how far `events` had come (see
 * core/rollback.ts). It lies in the own folder, so that neither a restored backup nor a member changes it.
 *
 * Always holds: what cannot be read says nothing, and what cannot be written stops nobody. `remember` is on disk;
 * `note` costs no fsync, outlives the process, and may be lost with the machine.
 */
import type { Remembered } from '../core/rollback.ts';
import type { OwnFolder } from './own-folder.ts';

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
    return text === null ? null : statesIn(text);
  }
}

function statesIn(text: string): readonly Remembered[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isState) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null; // half of it went down with the machine
    throw error;
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
