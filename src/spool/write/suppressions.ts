/**
 * The recipients that are not to be sent to (CONTRACT.md §15, `suppressions`): the daemon's own additions and what
 * operators wrote, by command or by SQL.
 *
 * Always holds: a recipient is stored in its international form, by a trigger where somebody else writes it, and
 * the first reason and date stay. What has no such form is stored, and compared, as it is written.
 */
import { Statements } from '../sql/statements.ts';
import { comparedForm, internationalForm } from '../../core/text/recipient.ts';

export interface Suppression {
  /** The international form; as it was written where there is none. */
  readonly recipient: string;
  readonly reason: string | null;
  /** Unix seconds. */
  readonly since: number;
}

/* An operator may have put anything into a column that no constraint guards. */
const COLUMNS = 'recipient, CAST(reason AS TEXT) AS reason, since';

const page = (where: string): string =>
  `SELECT ${COLUMNS} FROM suppressions WHERE typeof(recipient) = 'text' ${where}
    ORDER BY since DESC, recipient LIMIT +?`;

export class Suppressions extends Statements {
  readonly #any = this.exists<[]>('SELECT 1 FROM suppressions LIMIT 1');
  readonly #has = this.exists<[recipient: string]>(
    'SELECT 1 FROM suppressions WHERE recipient = ?',
  );
  readonly #find = this.selectFirst<[recipient: string], Suppression>(
    `SELECT ${COLUMNS} FROM suppressions WHERE recipient = ?`,
  );
  readonly #add = this.run<[recipient: string, reason: string | null, since: number]>(
    `INSERT INTO suppressions (recipient, reason, since) VALUES (?, ?, ?)
      ON CONFLICT(recipient) DO NOTHING`,
  );
  readonly #remove = this.run<[recipient: string]>('DELETE FROM suppressions WHERE recipient = ?');
  /* SQLite leaves nearly all of them out. */
  readonly #formless = this.pluckAll<[], string>(
    `SELECT CAST(recipient AS TEXT) FROM suppressions WHERE recipient NOT GLOB '[1-9]*'
      OR recipient GLOB '*[^0-9]*' OR length(recipient) NOT BETWEEN 7 AND 15`,
  );
  readonly #newest = this.selectAll<[limit: number], Suppression>(page(''));
  readonly #newestAfter = this.selectAll<
    [since: number, since: number, recipient: string, limit: number],
    Suppression
  >(page('AND (since < ? OR (since = ? AND recipient > ?))'));

  /** Whether nobody is suppressed: asked once for many recipients, it makes each of them free. */
  isEmpty(): boolean {
    return !this.#any();
  }

  /** Whether the recipient, in whatever spelling, is not to be sent to. */
  has(recipient: string): boolean {
    return this.#has(comparedForm(recipient));
  }

  /** Since when and why the recipient is suppressed; null = it is not. */
  find(recipient: string): Suppression | null {
    return this.#find(comparedForm(recipient));
  }

  /** Suppresses a recipient; true = it was not before, else nothing changes. `now` in Unix seconds. */
  add(recipient: string, reason: string | null, now: number): boolean {
    return this.#add(comparedForm(recipient), reason, now) > 0;
  }

  /** The recipient may be sent to again; false = it might before. */
  remove(recipient: string): boolean {
    return this.#remove(comparedForm(recipient)) > 0;
  }

  /** One page, newest first; `after` is the last of the page before, null = from the newest on. */
  list(page: { readonly limit: number; readonly after: Suppression | null }): Suppression[] {
    const { limit, after } = page;
    if (after === null) return this.#newest(limit);
    return this.#newestAfter(after.since, after.since, after.recipient, limit);
  }

  /** Recipients without an international form: no message that is sent has their spelling. */
  formless(): readonly string[] {
    return this.#formless().filter((recipient) => internationalForm(recipient) === null);
  }
}
