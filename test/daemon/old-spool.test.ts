/**
 * A spool that 8750d9a left (schema version 4) under the daemon of today: it is migrated and goes on.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { setup } from '../support/daemon.ts';
import { makeFolder } from '../support/spool.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/spool-8750d9a.db', import.meta.url));

function oldSpool(): string {
  const path = join(makeFolder(), 'spool.db');
  copyFileSync(FIXTURE, path);
  copyFileSync(`${FIXTURE}.lock`, `${path}.lock`);
  return path;
}

it('a spool of schema version 4 goes on: final messages stay, new ones leave, suppressions count', async () => {
  const bundle = await setup({ spoolPath: oldSpool(), isStopped: true });
  const finals = (): unknown =>
    bundle.all(
      `SELECT id, state, recipient, reason FROM messages
        WHERE state IN ('delivered','undelivered','permanent-failure','cancelled') AND id <= 51 ORDER BY id`,
    );
  const before = finals();
  await bundle.start();
  await bundle.untilState(bundle.drop(), 'await-receipt');
  for (const recipient of ['447700900090', '44770090091', '+447700900092']) {
    const id = bundle.drop({ recipient });
    expect(await bundle.untilState(id, 'permanent-failure')).toMatchObject({
      reason: 'suppressed',
    });
  }
  expect(finals()).toEqual(before);
  expect(bundle.lines('daemon.restored')).toEqual([]);
  expect(bundle.fatal).toEqual([]);
});

it('what an application changed before the claim is what is sent', async () => {
  const bundle = await setup();
  await bundle.ask({ verb: 'pause', account: 'main' });
  const id = bundle.drop({ text: 'Today' });
  bundle.db
    .prepare(`UPDATE messages SET text = 'Tomorrow', sender = 'Other1' WHERE id = ?`)
    .run(id);
  await bundle.ask({ verb: 'resume', account: 'main' });
  await bundle.untilState(id, 'await-receipt');
  const [sent] = bundle.sandbox.ledger.entries();
  expect(sent?.from).toBe('Other1');
});
