/** Writes messages with TypeORM over better-sqlite3: one entity with a few columns, one with all. */
import 'reflect-metadata';
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm';
import { answer, attempt, given, lineOfInput, type Values } from './given.ts';

interface Message {
  readonly id: number;
  reference: string | null;
  readonly [column: string]: Values[string];
}

const { path, columns, small, whole, bulk, keyed } = given();
const id = { type: 'integer', primary: true, generated: true } as const;
const smalls = new EntitySchema<Message>(
  Object.assign(new EntitySchemaOptions<Message>(), {
    name: 'Small',
    tableName: 'messages',
    columns: {
      id,
      recipient: { type: 'text' },
      text: { type: 'text', nullable: true },
      reference: { type: 'text', nullable: true },
      updated_at: { type: 'real', updateDate: true },
    },
  }),
);
const wholes = new EntitySchema<Message>(
  Object.assign(new EntitySchemaOptions<Message>(), {
    name: 'Whole',
    tableName: 'messages',
    columns: {
      ...Object.fromEntries(
        Object.entries(columns).map(([name, type]) => [
          name,
          { type: type.toLowerCase() as 'text' | 'integer' | 'real', nullable: true },
        ]),
      ),
      id,
      reference: { type: 'text', nullable: true },
      idempotency_key: { type: 'text', nullable: true, unique: true },
    },
  }),
);

const source = new DataSource({
  type: 'better-sqlite3',
  database: path,
  entities: [smalls, wholes],
});
await source.initialize();
const [few, all] = [source.getRepository(smalls), source.getRepository(wholes)];

const one = await few.save(few.create(small));
const nulls = Object.fromEntries(
  Object.keys(columns).flatMap((name) => (name === 'id' ? [] : [[name, null]])),
);
const { id: wholeId } = await all.save(all.create({ ...nulls, ...whole }));
await all.insert([...bulk]);
for (const row of [keyed, keyed])
  await all.upsert(
    { ...row },
    {
      conflictPaths: ['idempotency_key'],
      upsertType: 'on-conflict-do-update',
    },
  );

const rename = (reference: string) => few.save({ ...one, reference });
const find = () => all.findOneByOrFail({ id: wholeId });
const save = (message: Message, reference: string) =>
  attempt(() => all.save({ ...message, reference }));
await rename('changed');
await save(await find(), 'changed');
const read = await find();
answer({ small: one.id, whole: wholeId });

await lineOfInput();
answer({
  small: await attempt(() => rename('changed again')),
  stale: await save(read, 'stale'),
  fresh: await save(await find(), 'fresh'),
});
await source.destroy();
