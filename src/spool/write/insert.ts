/**
 * Inserts of the command line: messages and control rows, the same statements any other program would use
 * (CONTRACT.md §3). What is wrong with a value is for the schema's constraints to say.
 */
import type { Database, Statement } from 'better-sqlite3';

/** The columns an application may set, in the order of CONTRACT.md §3. */
export const APPLICATION_COLUMNS = [
  'recipient',
  'text',
  'sender',
  'account',
  'type',
  'body',
  'udh',
  'message_class',
  'priority',
  'send_at',
  'expires_at',
  'on_uncertain',
  'reference',
  'campaign',
  'idempotency_key',
  'entity_id',
  'content_id',
  'account_ref',
] as const;

export type ApplicationColumn = (typeof APPLICATION_COLUMNS)[number];

/** A message to drop; a column that is missing gets the schema's default. SQLite turns digits in a string
 *  into a number where the column is one. */
export type DropRow = Readonly<Partial<Record<ApplicationColumn, string | number>>>;

/** Inserts one row and returns its id. Throws SQLite's constraint errors; see refusalOf. */
export type Drop = (row: DropRow) => number;

/** A row without a key used before; null when its key was, be its message pruned or not. */
export type DropOnce = (row: DropRow) => number | null;

/** Rows come in few shapes (which cells are empty); each shape is prepared once. */
const SHAPES_KEPT = 64;

/** A drop into `db`; a used idempotency key is refused. */
export function dropInto(db: Database): Drop {
  const prepare = preparedByShape(db, (columns) => {
    return `INSERT INTO messages (${columns.join()}) VALUES (${columns.map(() => '?').join()})`;
  });
  return (row) => Number(prepare(row).run(...Object.values(row)).lastInsertRowid);
}

/** A drop into `db` that leaves out rows whose idempotency key was used; every row must have one. */
export function dropOnceInto(db: Database): DropOnce {
  const prepare = preparedByShape(db, (columns) => {
    return (
      `INSERT INTO messages (${columns.join()}) SELECT ${columns.map(() => '?').join()} ` +
      `WHERE NOT EXISTS (SELECT 1 FROM keys WHERE key = ?) ` +
      `ON CONFLICT(idempotency_key) DO NOTHING`
    );
  });
  return (row) => {
    const { changes, lastInsertRowid } = prepare(row).run(
      ...Object.values(row),
      row.idempotency_key ?? null,
    );
    return changes === 0 ? null : Number(lastInsertRowid);
  };
}

function preparedByShape(
  db: Database,
  sqlOf: (columns: readonly string[]) => string,
): (row: DropRow) => Statement {
  const shapes = new Map<string, Statement>();
  return (row) => {
    const columns = Object.keys(row);
    const shape = columns.join();
    const known = shapes.get(shape);
    if (known !== undefined) return known;
    if (shapes.size >= SHAPES_KEPT) shapes.clear();
    const made = db.prepare(sqlOf(columns));
    shapes.set(shape, made);
    return made;
  };
}

type MessageVerb = 'cancel' | 'requeue' | 'retry';

/** What an operator asks of the daemon: one `control` row. */
export type ControlRequest =
  | {
      readonly verb: 'pause' | 'resume';
      readonly account: string;
      /** null = the account as a whole. */
      readonly sender: string | null;
    }
  | { readonly verb: MessageVerb; readonly messageId: number }
  | { readonly verb: MessageVerb; readonly campaign: string }
  | { readonly verb: MessageVerb; readonly filter: string }
  | { readonly verb: 'restored-hold' | 'restored-resend' };

/** Inserts the requests, all or none, and returns their ids in the same order. */
export function askFor(db: Database, requests: readonly ControlRequest[]): readonly number[] {
  const insert = db.prepare(
    `INSERT INTO control (verb, message_id, campaign, account, sender, filter) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const all = db.transaction(() =>
    requests.map((request) => Number(insert.run(...controlRow(request)).lastInsertRowid)),
  );
  return all.immediate();
}

function controlRow(request: ControlRequest): readonly (string | number | null)[] {
  const { verb } = request;
  if ('account' in request) return [verb, null, null, request.account, request.sender, null];
  if ('campaign' in request) return [verb, null, request.campaign, null, null, null];
  if ('messageId' in request) return [verb, request.messageId, null, null, null, null];
  if ('filter' in request) return [verb, null, null, null, null, request.filter];
  return [verb, null, null, null, null, null];
}
