/** Writes messages with Drizzle over better-sqlite3: a table with a few columns, and one with all. */
import Sqlite from 'better-sqlite3';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { answer, attempt, given, lineOfInput } from './given.ts';

const { path, columns, small, whole, bulk, keyed } = given();
const client = new Sqlite(path);
const db = drizzle({ client });
const column = (name: string, type: string) => {
  if (type === 'TEXT') return text(name);
  return type === 'REAL' ? real(name) : integer(name);
};

const smalls = sqliteTable('messages', {
  id: integer('id').primaryKey(),
  recipient: text('recipient').notNull(),
  text: text('text'),
  reference: text('reference'),
});
/* The columns come from the spool: each is a string, a number or null. */
const wholes = sqliteTable('messages', {
  id: integer('id').primaryKey(),
  reference: text('reference'),
  idempotency_key: text('idempotency_key'),
  ...Object.fromEntries(
    Object.entries(columns)
      .filter(([name]) => !['id', 'reference', 'idempotency_key'].includes(name))
      .map(([name, type]) => [name, column(name, type)]),
  ),
});

const idOf = (rows: readonly { readonly id: number }[]): number => rows[0]?.id ?? 0;
const smallId = idOf(
  db
    .insert(smalls)
    .values(small as typeof smalls.$inferInsert)
    .returning({ id: smalls.id })
    .all(),
);
const wholeId = idOf(db.insert(wholes).values(whole).returning({ id: wholes.id }).all());
db.insert(wholes)
  .values([...bulk])
  .run();
for (const row of [keyed, keyed])
  db.insert(wholes).values(row).onConflictDoNothing({ target: wholes.idempotency_key }).run();

const rename = (reference: string) =>
  db.update(smalls).set({ reference }).where(eq(smalls.id, smallId)).run();
const find = () => db.select().from(wholes).where(eq(wholes.id, wholeId)).get();
const save = (row: ReturnType<typeof find>, reference: string) =>
  attempt(() =>
    db
      .update(wholes)
      .set({ ...row, reference })
      .where(eq(wholes.id, wholeId))
      .run(),
  );
rename('changed');
await save(find(), 'changed');
const read = find();
answer({ small: smallId, whole: wholeId });

await lineOfInput();
answer({
  small: await attempt(() => rename('changed again')),
  stale: await save(read, 'stale'),
  fresh: await save(find(), 'fresh'),
});
client.close();
