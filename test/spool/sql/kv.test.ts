/** What the spool keeps for the program may have been overwritten by any client. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { numberIn, KeyValues } from '../../../src/spool/sql/kv.ts';
import { Spool } from '../../../src/spool/spool.ts';
import { makeFolder, openHandle } from '../../support/spool.ts';

function setup() {
  const path = join(makeFolder(), 'spool.db');
  const { db } = openHandle(path);
  return { path, db, values: new KeyValues(db) };
}

it('a value that is no text reads as null, and is written over', () => {
  const { db, values } = setup();
  db.exec(`INSERT INTO spool (name, value) VALUES ('a', x'00ff')`);
  expect([values.get('a'), values.get('missing')]).toEqual([null, null]);
  values.set('a', '7');
  values.set('b', 'text');
  expect([numberIn(values.get('a')), numberIn(values.get('b'))]).toEqual([7, null]);
});

it('texts are forgotten also where the place reached is no text', () => {
  const { path, db } = setup();
  db.exec(`INSERT INTO spool (name, value) VALUES ('forgotten-to', x'00')`);
  const spool = Spool.open(path);
  expect(spool.retention.forget(2e9, 10)).toEqual({ count: 0, hasMore: false });
  spool.close();
});
