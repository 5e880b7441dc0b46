/** Writes messages with Knex over better-sqlite3: rows with a few columns, and rows with all. */
import createKnex from 'knex';
import { answer, attempt, given, lineOfInput, type Values } from './given.ts';

const { path, columns, small, whole, bulk, keyed } = given();
const knex = createKnex({
  client: 'better-sqlite3',
  connection: { filename: path },
  useNullAsDefault: true,
});
const messages = () => knex<Values>('messages');
const insert = async (row: Values): Promise<number> => {
  const [id = 0] = await messages().insert(row);
  return id;
};
const find = async (id: number): Promise<Values> =>
  (await messages().where({ id }).first()) as Values;
const save = (id: number, row: Values) => attempt(() => messages().where({ id }).update(row));

const nulls = Object.fromEntries(Object.keys(columns).map((name) => [name, null]));
const smallId = await insert(small);
const wholeId = await insert({ ...nulls, ...whole });
await messages().insert([...bulk]);
for (const row of [keyed, keyed])
  await messages().insert(row).onConflict('idempotency_key').ignore();
await save(smallId, { reference: 'changed' });
await save(wholeId, { ...(await find(wholeId)), reference: 'changed' });
const read = await find(wholeId);
answer({ small: smallId, whole: wholeId });

await lineOfInput();
answer({
  small: await save(smallId, { reference: 'changed again' }),
  stale: await save(wholeId, { ...read, reference: 'stale' }),
  fresh: await save(wholeId, { ...(await find(wholeId)), reference: 'fresh' }),
});
await knex.destroy();
