/**
 * The recipients that are not to be sent to (contract §2, `suppressions`): the daemon's own additions and what
 * operators wrote, by command or by SQL.
 *
 * Always holds: what is added here is stored as digits, and the first reason and date stay; a row that
 * somebody wrote with a plus sign counts the same. A recipient that is no text matches no message and is left
 * out.
 */
import type { Database, Statement } from 'better-sqlite3';

export interface Suppression {
  /** As it was written: digits, or digits after a plus sign. */
  readonly recipient: string;
  readonly reason: string | null;
  /** Unix seconds. */
  readonly since: number;
}

/* An operator may have put anything into a column that no constraint guards. */
const COLUMNS = 'recipient, CAST(reason AS TEXT) AS reason, since';
const SAME = 'recipient IN (?, ?)';

type Forms = [digits: string, plus: string];

export class Suppressions {
  readonly #any: Statement<[], number>;
  readonly #has: Statement<Forms, number>;
  readonly #find: Statement<Forms, Suppression>;
  readonly #add: Statement<[string, string | null, number, ...Forms]>;
  readonly #remove: Statement<Forms>;
  readonly #newest: Statement<[number], Suppression>;
  readonly #newestAfter: Statement<[number, number, string, number], Suppression>;

  constructor(db: Database) {
    this.#any = db.prepare<[], number>('SELECT 1 FROM suppressions LIMIT 1').pluck();
    /* Asked for every claim: two seeks take half as long as one IN, which builds a list each time. */
    this.#has = db
      .prepare<Forms, number>(
        `SELECT 1 FROM suppressions WHERE recipient = ?
          UNION ALL SELECT 1 FROM suppressions WHERE recipient = ? LIMIT 1`,
      )
      .pluck();
    this.#find = db.prepare(
      `SELECT ${COLUMNS} FROM suppressions WHERE ${SAME} ORDER BY since LIMIT 1`,
    );
    this.#add = db.prepare(
      `INSERT INTO suppressions (recipient, reason, since)
        SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM suppressions WHERE ${SAME})`,
    );
    this.#remove = db.prepare(`DELETE FROM suppressions WHERE ${SAME}`);
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

  /** Whether the recipient, with or without its plus sign, is not to be sent to. */
  has(recipient: string): boolean {
    return this.#has.get(...formsOf(recipient)) !== undefined;
  }

  /** Since when and why the recipient is suppressed; null = it is not. */
  find(recipient: string): Suppression | null {
    return this.#find.get(...formsOf(recipient)) ?? null;
  }

  /** Suppresses a recipient; true = it was not before, else nothing changes. `now` in Unix seconds. */
  add(recipient: string, reason: string | null, now: number): boolean {
    const forms = formsOf(recipient);
    return this.#add.run(forms[0], reason, now, ...forms).changes > 0;
  }

  /** The recipient may be sent to again; false = it might before. */
  remove(recipient: string): boolean {
    return this.#remove.run(...formsOf(recipient)).changes > 0;
  }

  /** One page, newest first; `after` is the last of the page before, null = from the newest on. */
  list(page: { readonly limit: number; readonly after: Suppression | null }): Suppression[] {
    const { limit, after } = page;
    if (after === null) return this.#newest.all(limit);
    return this.#newestAfter.all(after.since, after.since, after.recipient, limit);
  }
}

function formsOf(recipient: string): Forms {
  const digits = recipient.replace(/^\+/, '');
  return [digits, `+${digits}`];
}
