/**
 * The spool as the daemon uses it: its verbs, grouped by what they are about, over one connection, and the
 * one write transaction at a time in which they are called.
 *
 * Always holds: a transaction is synchronous and never held across an await. A lock held by another program
 * is answered `busy` at once; the caller comes back later.
 */
import type { Database } from 'better-sqlite3';
import { UsageWindowRows } from './write/usage-window-rows.ts';
import { Claims } from './write/claims.ts';
import { ClockSteps } from './write/clock-shift.ts';
import { Control } from './write/control.ts';
import { SentCounts } from './write/sent-counts.ts';
import { Due } from './write/due.ts';
import { EventLog } from './write/event-log.ts';
import { CircuitRows } from './write/circuit-rows.ts';
import { MessageGroups } from './write/message-groups.ts';
import { Ledgers } from './write/ledger.ts';
import { Moves, Waits } from './write/move-rows.ts';
import { FileWatch, type FileChange } from './file/file-watch.ts';
import { explain, isBusy, openSpool, whenFree } from './file/open.ts';
import { ReceiptRows, UnmatchedRows } from './write/receipt-rows.ts';
import { Recent } from './write/recent-sends.ts';
import type { Ownership } from './file/ownership.ts';
import { adopt, Restored } from './write/restored.ts';
import { Retention } from './write/retention-deletes.ts';
import { noteConfigRead } from './file/run-memory.ts';
import { Run } from './write/runs.ts';
import { Statements } from './sql/statements.ts';
import { SetAsideRows } from './write/set-aside.ts';
import { Settlements } from './write/settlements.ts';
import { Sources } from './write/sources.ts';
import { readStopFacts, type Configured, type SpoolStopFacts } from './stop-facts.ts';
import { Suppressions } from './write/suppressions.ts';
import { Wal } from './file/wal.ts';
import { Watcher, type WatcherOptions } from './file/watcher.ts';

export class Spool extends Statements {
  readonly path: string;
  readonly usageWindows = new UsageWindowRows(this.db);
  readonly claims = new Claims(this.db);
  readonly clockSteps = new ClockSteps(this.db);
  readonly control = new Control(this.db);
  readonly sentCounts = new SentCounts(this.db);
  readonly due = new Due(this.db);
  readonly events = new EventLog(this.db);
  readonly circuits = new CircuitRows(this.db);
  readonly ledgers = new Ledgers(this.db);
  readonly moves = new Moves(this.db);
  readonly receipts = new ReceiptRows(this.db);
  readonly recent = new Recent(this.db);
  readonly restored = new Restored(this.db);
  readonly retention = new Retention(this.db);
  readonly setAside = new SetAsideRows(this.db);
  readonly settlements = new Settlements(this.db);
  readonly sources = new Sources(this.db);
  readonly suppressions = new Suppressions(this.db);
  readonly unmatched = new UnmatchedRows(this.db);
  readonly waits = new Waits(this.db);
  readonly wal: Wal;
  readonly #immediate: (work: () => unknown) => unknown;
  #watcher: Watcher | null = null;
  readonly #run: Run | null;
  readonly #ownership: Ownership | null;
  #fileWatch: FileWatch | null = null;
  #messageGroups: MessageGroups | null = null;

  private constructor(db: Database, path: string, run: Run | null, ownership: Ownership | null) {
    super(db);
    this.#run = run;
    this.#ownership = ownership;
    this.path = path;
    this.wal = new Wal(db, path, () => this.isGuarded());
    const transaction = db.transaction((work: () => unknown) => work());
    this.#immediate = (work): unknown => transaction.immediate(work);
  }

  /** Opens the spool, making or migrating it; whoever owns it begins a run. Throws SpoolError. */
  static open(path: string, ownership: Ownership | null = null): Spool {
    const db = openSpool(path, { create: true });
    try {
      if (ownership === null) adopt(db);
      const run = ownership === null ? null : Run.begin(db, ownership.memory, Date.now() / 1000);
      return new Spool(db, path, run, ownership);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** The same; another program may hold the lock for a moment just then, and is waited for until `signal` aborts. */
  static async openPatiently(
    path: string,
    ownership: Ownership,
    signal: AbortSignal,
  ): Promise<Spool> {
    const open = (): Spool | 'busy' => {
      try {
        return Spool.open(path, ownership);
      } catch (error) {
        if (isBusy(error)) return 'busy';
        throw error;
      }
    };
    return await whenFree(path, open, signal);
  }

  /**
   * Runs `work` in one write transaction and commits it; 'busy' = another program holds the lock, and
   * nothing happened. Whatever `work` throws rolls everything back. Damage is thrown as SpoolError, and so is a schema
   * that is not ours any more, which is looked at before `work` runs.
   */
  transaction<T>(work: () => T): T | 'busy' {
    const begun = { value: false };
    const run = (): T => {
      begun.value = true;
      return work();
    };
    try {
      /* better-sqlite3 gives back what the function gives. */
      const result = this.#immediate(run) as T;
      this.#watcher?.noteOwnCommit();
      return result;
    } catch (error) {
      if (!begun.value && isBusy(error)) return 'busy';
      throw explain(error, this.path);
    }
  }

  /** The transaction was rolled back: forgets what was learned or made in it. Reads the spool. */
  rolledBack(): void {
    this.restored.rolledBack();
    this.receipts.rolledBack();
  }

  /** Over a second connection, opened at the first use. Throws SpoolError, and what `isBusy` knows. */
  get messageGroups(): MessageGroups {
    this.#messageGroups ??= MessageGroups.beside(this.path);
    return this.#messageGroups;
  }

  /** The configuration was read, and is in force. In a transaction. */
  noteConfigRead(now: number): void {
    noteConfigRead(this.db, now);
  }

  stopFacts(configured: Configured): SpoolStopFacts {
    return readStopFacts(this.db, configured);
  }

  /** Begins to notice commits of other programs; once a spool. */
  watch(options: Pick<WatcherOptions, 'onCommit' | 'isIdle' | 'onBlind'>): Watcher {
    this.#watcher = new Watcher({ ...options, db: this.db, path: this.path });
    return this.#watcher;
  }

  /** Begins to look once a second whether the spool is still the one that was opened, and locked. */
  guard(onChange: (change: FileChange) => void): void {
    if (this.#ownership === null) return;
    this.#fileWatch = new FileWatch(this.db, this.path, this.#ownership, onChange);
  }

  /** Looks now: false = the files have changed, and `onChange` was called. */
  isGuarded(): boolean {
    return this.#fileWatch?.check() ?? true;
  }

  /**
   * The open file is no longer the spool: puts our -wal and -shm out of the way, and returns their new names.
   * The process must end now, and nothing may be closed: that would copy our pages into the new file.
   */
  abandon(now: Date): readonly string[] {
    this.#run?.noteLast();
    return this.#fileWatch?.setAside(now) ?? [];
  }

  /** Does nothing if the open file is no longer the spool: that would write our pages into the new file. */
  close(): void {
    if (this.#fileWatch?.mayClose() === false) return;
    this.#run?.end();
    this.#messageGroups?.close();
    this.db.close();
  }
}
