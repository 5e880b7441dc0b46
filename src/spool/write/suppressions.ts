/**
 * The recipients that are not to be sent to (CONTRACT.md §15, `suppressions`): the daemon's own additions and what
 * operators wrote, by command or by SQL.
 *
 * Always holds: a recipient is stored in its international form, by a trigger where somebody else writes it, and
 * the first reason and date stay. What has no such form is stored, and compared, as it is written.
 */
import { pluck } from '../sql/bulk.ts';
import { comparedForm, internationalForm } from '../../core/text/recipient.ts';
import type { Database, Statement } from 'better-sqlite3';

export interface Suppression {
  /** The international form; as it was written where there is none. */
  readonly recipient: string;
  readonly reason: string | null;
  /** Unix seconds. */
  readonly since: number;
}

/* An operator may have put anything into a column that no constraint guards. */
const COLUMNS = 'recipient, CAST(reason AS TEXT) AS reason, since';

export class Suppressions {
  readonly #any: Statement<[], number>;
  readonly #has: Statement<[string], number>;
  readonly #find: Statement<[string], Suppression>;
  readonly #add: Statement<[string, string | null, number]>;
  readonly #remove: Statement<[string]>;
  readonly #formless: Statement<[], string>;
  readonly #newest: Statement<[number], Suppression>;
  readonly #newestAfter: Statement<[number, number, string, number], Suppression>;

  constructor(db: Database) {
    this.#any = pluck(db, 'SELECT 1 FROM suppressions LIMIT 1');
    this.#has = pluck(db, 'SELECT 1 FROM suppressions WHERE recipient = ?');
    this.#find = db.prepare(`SELECT ${COLUMNS} FROM suppressions WHERE recipient = ?`);
    this.#add = db.prepare(
      `INSERT INTO suppressions (recipient, reason, since) VALUES (?, ?, ?)
        ON CONFLICT(recipient) DO NOTHING`,
    );
    this.#remove = db.prepare('DELETE FROM suppressions WHERE recipient = ?');
    /* Nearly all are left out by SQLite. */
    this.#formless = pluck(
      db,
      `SELECT CAST(recipient AS TEXT) FROM suppressions WHERE recipient NOT GLOB '[1-9]*'
          OR recipient GLOB '*[^0-9]*' OR length(recipient) NOT BETWEEN 7 AND 15`,
    );
    const page = (where: string): string =>
      `SELECT ${COLUMNS} FROM suppressions WHERE typeof(recipient) = 'text' ${where}
        ORDER BY since DESC, recipient LIMIT +?`;
    this.#newest = db.prepare(page(''));
    this.#newestAfter = db.prepare(page('AND (since < ? OR (since = ? AND recipient > ?))'));
  }

  /** Whether nobody is suppressed: asked once for many recipients, it makes each of them free. */
  isEmpty(): boolean {
    return this.#any.get() === undefined;
  }

  /** Whether the recipient, in whatever spelling, is not to be sent to. */
  has(recipient: string): boolean {
    return this.#has.get(comparedForm(recipient)) !== undefined;
  }

  /** Since when and why the recipient is suppressed; null = it is not. */
  find(recipient: string): Suppression | null {
    return this.#find.get(comparedForm(recipient)) ?? null;
  }

  /** Suppresses a recipient; true = it was not before, else nothing changes. `now` in Unix seconds. */
  add(recipient: string, reason: string | null, now: number): boolean {
    return this.#add.run(comparedForm(recipient), reason, now).changes > 0;
  }

  /** The recipient may be sent to again; false = it might before. */
  remove(recipient: string): boolean {
    return this.#remove.run(comparedForm(recipient)).changes > 0;
  }

  /** One page, newest first; `after` is the last of the page before, null = from the newest on. */
  list(page: { readonly limit: number; readonly after: Suppression | null }): Suppression[] {
    const { limit, after } = page;
    if (after === null) return this.#newest.all(limit);
    return this.#newestAfter.all(after.since, after.since, after.recipient, limit);
  }

  /** Recipients without an international form: no message that is sent has their spelling. */
  formless(): readonly string[] {
    return this.#formless.all().filter((recipient) => internationalForm(recipient) === null);
  }
}
