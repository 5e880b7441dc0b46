/** A control row whose verb is none, written past the rules of the table: it is answered and changes nothing. */
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { markBackup } from '../../src/spool/write/restored.ts';
import { execAsDaemon } from '../support/as-daemon.ts';
import { setup, type Bundle } from '../support/daemon.ts';
import { withoutTriggers } from '../support/junk.ts';
import type { Row } from '../support/spool.ts';

const ROWS: readonly (readonly [string, string])[] = [
  ['that names nothing', `INSERT INTO control (verb) VALUES ('foo')`],
  ['about a message', `INSERT INTO control (verb, message_id) VALUES ('foo', 1)`],
  ['about a campaign', `INSERT INTO control (verb, campaign) VALUES ('foo', 'spring')`],
  [
    'about all that expired',
    `INSERT INTO control (verb, filter) VALUES ('foo', '{"state":"expired"}')`,
  ],
  ['about an account', `INSERT INTO control (verb, account) VALUES ('foo', 'main')`],
  ['about everything', `INSERT INTO control (verb, account) VALUES ('foo', '*')`],
  ['that is empty', `INSERT INTO control (verb) VALUES ('')`],
  ['that is no text', `INSERT INTO control (verb, message_id) VALUES (x'666f6f', 1)`],
  [
    'of a megabyte',
    `INSERT INTO control (verb, message_id) VALUES (printf('%.*c', 1000000, 'x'), 1)`,
  ],
];

/* As a program that switches the rules off: the CHECKs of older versions by a pragma, triggers by dropping them. */
function smuggleIn(path: string, sql: string): void {
  const db = new Sqlite(path);
  db.pragma('ignore_check_constraints = ON');
  withoutTriggers(db, () => db.exec(sql));
  db.close();
}

async function answerTo(bundle: Bundle): Promise<Row> {
  await bundle.start();
  await bundle.until(() => bundle.all('SELECT 1 FROM control WHERE done_at IS NULL').length === 0);
  return bundle.all('SELECT affected, refused FROM control')[0] ?? {};
}

describe('a control row with an unknown verb', () => {
  it.each(ROWS)('%s is refused with a word and changes nothing', async (_what, sql) => {
    const bundle = await setup({ isStopped: true });
    const id = bundle.drop({ campaign: 'spring' });
    execAsDaemon(bundle.db, `UPDATE messages SET state = 'expired', reason = 'validity-passed'`);
    smuggleIn(bundle.path, sql);
    expect(await answerTo(bundle)).toMatchObject({
      affected: 0,
      refused: expect.stringMatching(/^unknown-verb: /) as unknown,
    });
    expect(bundle.message(id)).toMatchObject({ state: 'expired', last_attempt: 0 });
    expect(bundle.account()).toMatchObject({ state: 'active' });
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });

  it.each(ROWS)('%s decides nothing about a restored spool', async (_what, sql) => {
    const bundle = await setup({ isStopped: true });
    const id = bundle.drop({ campaign: 'spring' });
    markBackup(bundle.db, Date.now() / 1000);
    smuggleIn(bundle.path, sql);
    expect(await answerTo(bundle)).toMatchObject({
      affected: 0,
      refused: expect.stringMatching(/^unknown-verb: /) as unknown,
    });
    expect(bundle.message(id)).toMatchObject({ state: 'queued', last_attempt: 0 });
    expect(bundle.all(`SELECT name FROM spool WHERE name = 'restored'`)).toHaveLength(1);
    expect(bundle.sandbox.ledger.counters.requests).toBe(0);
  });
});

it('a rule of the table refuses an unknown verb also where a client ignores CHECK constraints', async () => {
  const bundle = await setup({ isStopped: true });
  const db = new Sqlite(bundle.path);
  db.pragma('ignore_check_constraints = ON');
  expect(() => db.exec(`INSERT INTO control (verb) VALUES ('foo')`)).toThrow(/verb_is_known/);
  db.close();
});
