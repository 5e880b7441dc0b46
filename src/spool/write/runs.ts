/**
 * Records a run of the daemon in the spool and in the daemon's memory. At the start it draws a nonce and writes it to
 * both. During the run and at its end it notes the last `seq` of `events` in the memory. A spool that contradicts the
 * memory is an older state of itself and is marked as restored.
 *
 * Always holds, at whatever moment the process ends: the memory holds no state that the spool never had, and an older
 * state is detected until it is marked. While the daemon runs, the memory is at most a second behind.
 */
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import {
  isRolledBack,
  type Remembered,
  type SpoolRun,
  type RunHistory,
} from '../../core/spool-state/rollback.ts';
import { isNotOurs } from '../sql/spool-errors.ts';
import { lastSeqOf } from './event-log.ts';
import { drawWord, IDENTITY, KeyValues, listIn, RUNS } from '../sql/kv.ts';
import { type Memory, noteRunBegan, noteRunEnded } from '../file/run-memory.ts';
import { adopt, markRolledBack } from './restored.ts';

/** Runs that the spool lists: starts on other machines before it comes back to a daemon that remembers it. */
const RUNS_MAX = 500;
/** A copy of the time between the last note and a kill contradicts nothing. */
const NOTE_EVERY_MS = 1_000;
/** Notes between two that are on disk: these cost an fsync. */
const NOTES_UNSAVED = 9;

export class Run {
  readonly #db: Database;
  readonly #memory: Memory;
  readonly #identity: string;
  readonly #nonce: string;
  readonly #last: Statement<[], number>;
  readonly #timer: NodeJS.Timeout;
  #noted: number;
  #saved: number;
  #unsaved = 0;

  private constructor(db: Database, memory: Memory, begun: Begun) {
    this.#db = db;
    this.#memory = memory;
    this.#identity = begun.identity;
    this.#nonce = begun.nonce;
    this.#saved = begun.isNoted ? begun.seq : -1;
    this.#noted = this.#saved;
    this.#last = lastSeqOf(db);
    this.#timer = setInterval(() => this.#noteIfOpen(db), NOTE_EVERY_MS).unref();
  }

  /** `now` in Unix seconds. */
  static begin(db: Database, memory: Memory, now: number): Run {
    return new Run(db, memory, begin(db, memory, now));
  }

  /** To be called while the database is open. */
  end(): void {
    clearInterval(this.#timer);
    this.#unlessBroken(() => noteRunEnded(this.#db, Date.now() / 1000));
    this.#unlessBroken(() => this.#save(this.#last.get() ?? 0));
  }

  /** Notes how far it came, and stops. What was noted before stands where the spool cannot be read any more. */
  noteLast(): void {
    clearInterval(this.#timer);
    this.#unlessBroken(() => {
      const seq = this.#last.get() ?? 0;
      if (seq > this.#noted) this.#save(seq);
    });
  }

  #noteIfOpen(db: Database): void {
    if (db.open) this.#unlessBroken(() => this.#note());
    else clearInterval(this.#timer);
  }

  /* A spool that cannot be read or written, or is not ours any more, is for the loop to meet. */
  #unlessBroken(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError) && !isNotOurs(error)) throw error;
    }
  }

  #note(): void {
    const seq = this.#last.get() ?? 0;
    this.#unsaved += 1;
    if (this.#unsaved > NOTES_UNSAVED) {
      this.#unsaved = 0;
      this.#save(seq);
    } else if (seq !== this.#noted && this.#memory.note(this.#stateAt(seq))) {
      this.#noted = seq;
    }
  }

  #save(seq: number): void {
    if (seq === this.#saved || !this.#memory.remember(this.#stateAt(seq))) return;
    this.#saved = seq;
    this.#noted = seq;
  }

  #stateAt(seq: number): Remembered {
    return { identity: this.#identity, nonce: this.#nonce, seq };
  }
}

interface Begun extends Remembered {
  /** Whether the memory was written; if not, it is written later. */
  readonly isNoted: boolean;
}

/*
 * What goes on is in the spool first, and remembered then: the state before is still on its way. What was put
 * back is remembered first: what does not know the word is still to be marked.
 */
function begin(db: Database, memory: Memory, now: number): Begun {
  const story = storyOf(db);
  const isBack = isRolledBack(story, memory.recall());
  const identity = story.identity ?? drawWord();
  const state = { identity, nonce: drawWord(), seq: story.seq };
  let isNoted = isBack && memory.remember(state);
  const write = db.transaction(() => {
    if (isBack) markRolledBack(db, now);
    adopt(db);
    writeRun(db, story, state);
    noteRunBegan(db, now);
  });
  write.immediate();
  if (!isBack) isNoted = memory.remember(state);
  return { ...state, isNoted };
}

function writeRun(db: Database, { runs }: RunHistory, { identity, nonce, seq }: Remembered): void {
  const all = [...runs, { nonce, from: seq }].slice(-RUNS_MAX);
  const rows = all.map((run) => [run.nonce, run.from]);
  const values = new KeyValues(db);
  values.set(IDENTITY, identity);
  values.set(RUNS, JSON.stringify(rows));
}

function storyOf(db: Database): RunHistory {
  const values = new KeyValues(db);
  const rows = listIn(values.get(RUNS), isRun);
  const runs = rows.map(([nonce, from]): SpoolRun => ({ nonce, from }));
  return { identity: values.get(IDENTITY), runs, seq: lastSeqOf(db).get() ?? 0 };
}

function isRun(value: unknown): value is readonly [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && Number.isSafeInteger(value[1]);
}
