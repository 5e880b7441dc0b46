/**
 * Keeps what each account has spent today in the daemon's own folder, where those who insert rows cannot change it.
 * Written at most once a second, and at the end; what a kill cuts off is in the spool.
 *
 * Always holds: only amounts for which `[safety] spend_per_day` is set are kept. A file that cannot be read counts as
 * none. A failure to write is reported once.
 */
import type { OwnFolder } from '../file/own-folder.ts';

const NAME = 'spend';
const WRITE_EVERY_MS = 1_000;

/** Account → EUR spent in a day, and the latest instant that it was spent at (Unix seconds). */
interface Spent {
  readonly euros: number;
  readonly at: number;
}

export interface DaySpendParts {
  readonly folder: Pick<OwnFolder, 'read' | 'write'>;
  /** What each account has spent today, as its answers tell. */
  readonly spent: () => ReadonlyMap<string, Spent>;
  readonly onTrouble: (error: unknown) => void;
}

export class DaySpend {
  readonly #parts: DaySpendParts;
  readonly #timer: NodeJS.Timeout;
  #kept: ReadonlyMap<string, Spent>;
  #written = '';
  #isTroubleSaid = false;

  constructor(parts: DaySpendParts) {
    this.#parts = parts;
    this.#kept = parse(this.#read());
    this.#timer = setInterval(() => this.#write(), WRITE_EVERY_MS);
    this.#timer.unref();
  }

  /** EUR that an account had spent since an instant, as an earlier run kept it; 0 = nothing is known. */
  readonly spentSince = (account: string, since: number): number => {
    const kept = this.#kept.get(account);
    return kept !== undefined && kept.at >= since ? kept.euros : 0;
  };

  stop(): void {
    clearInterval(this.#timer);
    this.#write();
  }

  #read(): string | null {
    try {
      return this.#parts.folder.read(NAME);
    } catch (error) {
      this.#say(error);
      return null;
    }
  }

  #write(): void {
    const spent = this.#parts.spent();
    if (spent.size === 0) return;
    /* An account without a limit at the moment keeps what was known: a reload may bring the limit back. */
    const all = new Map([...this.#kept, ...spent]);
    const data = JSON.stringify([...all].map(([name, { euros, at }]) => [name, euros, at]));
    if (data === this.#written) return;
    try {
      this.#parts.folder.write(NAME, data);
      this.#kept = all;
      this.#written = data;
    } catch (error) {
      this.#say(error);
    }
  }

  #say(error: unknown): void {
    if (this.#isTroubleSaid) return;
    this.#isTroubleSaid = true;
    this.#parts.onTrouble(error);
  }
}

function parse(data: string | null): ReadonlyMap<string, Spent> {
  try {
    const rows: unknown = data === null ? [] : JSON.parse(data);
    return new Map(Array.isArray(rows) ? rows.flatMap((row) => entryOf(row)) : []);
  } catch {
    return new Map(); // the file is ours alone: a broken one is a disk's doing, and the spool tells the rest
  }
}

function entryOf(row: unknown): [string, Spent][] {
  if (!Array.isArray(row)) return [];
  const [name, euros, at] = row as unknown[];
  const isWhole = typeof name === 'string' && typeof euros === 'number' && typeof at === 'number';
  return isWhole ? [[name, { euros, at }]] : [];
}
