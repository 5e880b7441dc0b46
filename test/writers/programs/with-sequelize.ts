/** Writes messages with Sequelize over better-sqlite3: one model with a few columns, one with all. */
import { DataTypes, Sequelize, type Model } from 'sequelize';
import { answer, attempt, given, lineOfInput, type Values } from './given.ts';
import { Database, OPEN_CREATE, OPEN_READWRITE } from './node-sqlite3.ts';

type Message = Model<Values> & { readonly id: number };

const { path, columns, small, whole, bulk, keyed } = given();
const sequelize = new Sequelize({
  dialect: 'sqlite',
  dialectModule: { Database, OPEN_CREATE, OPEN_READWRITE },
  storage: path,
  logging: false,
});
const TYPES = { TEXT: DataTypes.TEXT, INTEGER: DataTypes.INTEGER, REAL: DataTypes.REAL } as const;
const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };

const smalls = sequelize.define<Message>(
  'Small',
  { id, recipient: DataTypes.TEXT, text: DataTypes.TEXT, reference: DataTypes.TEXT },
  { tableName: 'messages', createdAt: 'created_at', updatedAt: 'updated_at' },
);
const wholes = sequelize.define<Message>(
  'Whole',
  {
    ...Object.fromEntries(
      Object.entries(columns).map(([name, type]) => [name, TYPES[type as keyof typeof TYPES]]),
    ),
    id,
    idempotency_key: { type: DataTypes.TEXT, unique: true },
  },
  { tableName: 'messages', timestamps: false },
);

const one = await smalls.create(small);
const all = await wholes.create(
  Object.fromEntries(
    Object.keys(columns).flatMap((name) => (name === 'id' ? [] : [[name, whole[name] ?? null]])),
  ),
);
await wholes.bulkCreate(bulk);
for (const row of [keyed, keyed]) await wholes.upsert(row, { conflictFields: ['idempotency_key'] });
await one.update({ reference: 'changed' });
await all.update({ reference: 'changed' });
const read = await wholes.findByPk(all.id);
answer({ small: one.id, whole: all.id });

await lineOfInput();
const save = (message: Message | null, reference: string) =>
  attempt(() => wholes.update({ ...message?.get(), reference }, { where: { id: all.id } }));
answer({
  small: await attempt(() => one.update({ reference: 'changed again' })),
  stale: await save(read, 'stale'),
  fresh: await save(await wholes.findByPk(all.id), 'fresh'),
});
await sequelize.close();
