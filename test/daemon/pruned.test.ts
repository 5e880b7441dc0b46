/** What `prune` deletes beside a working daemon goes off its counts, whatever it is doing just then. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STATES } from '../../src/core/message/message.ts';
import type { Status } from '../../src/core/stats/status.ts';
import { KeyValues } from '../../src/spool/sql/kv.ts';
import { deletionsIn, Pruning } from '../../src/spool/write/retention-deletes.ts';
import { ended, MAIN } from '../cli/program.ts';
import { setup, type Bundle } from '../support/daemon.ts';

/** When the last of `fill` ended; those before it ended a second earlier each. */
const ENDED_AT = 1_700_000_000;

/** Final messages of some lanes and states, each an hour older than the next one. */
function fill({ db }: Pick<Bundle, 'db'>, count: number): void {
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO messages (recipient, text, sender, campaign)
      SELECT '447700900000', 'x', iif(i % 3 = 0, 'Other1', NULL), 'old' FROM n`,
  ).run(count);
  const last = db.prepare(`SELECT max(id) FROM messages`).pluck().get();
  db.prepare(
    `UPDATE messages SET revision = revision + 1, due_at = NULL, updated_at = ? - (? - id),
      state = CASE id % 4 WHEN 0 THEN 'expired' WHEN 1 THEN 'cancelled' ELSE 'delivered' END
      WHERE campaign = 'old'`,
  ).run(ENDED_AT, last);
}

async function statusOf(bundle: Bundle): Promise<Status> {
  return (await (await fetch(`${bundle.adminUrl()}/status`)).json()) as Status;
}

async function counted(bundle: Bundle): Promise<Status> {
  for (;;) {
    const status = await statusOf(bundle);
    if (status.is_counted) return status;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function inStatus({ states }: Status): Readonly<Record<string, number>> {
  return Object.fromEntries(STATES.map((state) => [state, states[state]]));
}

function inSpool({ count }: Bundle): Readonly<Record<string, number>> {
  return Object.fromEntries(STATES.map((state) => [state, count(state)]));
}

/** Waits until the daemon shows what is in the spool; the test's own time limit is the only one. */
async function right(bundle: Bundle): Promise<Readonly<Record<string, number>>> {
  for (;;) {
    const shown = inStatus(await statusOf(bundle));
    const held = inSpool(bundle);
    if (STATES.every((state) => shown[state] === held[state])) return shown;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Deletes what ended by then, in one process with the daemon: it cannot look meanwhile. */
function pruning({ db }: Pick<Bundle, 'db'>, before = ENDED_AT + 1): Pruning {
  return new Pruning(db, { before, archive: null, notTold: new Set(['notify-cursor']) });
}

describe('what is pruned beside a daemon', () => {
  it('what is pruned beside a daemon by the command goes off its counts when the command has ended', async () => {
    const bundle = await setup({ isStopped: true });
    fill(bundle, 450);
    await bundle.start();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect((await counted(bundle)).states.delivered).toBeGreaterThan(200);
    const config = join(dirname(bundle.path), 'sms-spoold.toml');
    writeFileSync(config, `[spool]\npath = "${bundle.path}"\n`);
    const args = [MAIN, '--config', config, 'prune', '--older-than', '7d'];
    const child = spawn(process.execPath, args, { env: { PATH: process.env['PATH'] ?? '' } });
    expect(await ended(child)).toMatchObject({ code: 0, stderr: '' });
    const status = await right(bundle);
    expect(status).toMatchObject({ delivered: 0, expired: 0, cancelled: 0, 'await-receipt': 1 });
  });

  it('what is pruned beside a daemon is counted neither twice nor not at all while the daemon counts for the first time', async () => {
    const bundle = await setup({ isStopped: true });
    fill(bundle, 20_000);
    await bundle.start();
    const prune = pruning(bundle, ENDED_AT - 1_000);
    const shown: number[] = [];
    while (prune.batch() > 0) {
      const { is_counted, states } = await statusOf(bundle);
      if (!is_counted) shown.push(states.delivered);
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    expect(shown.length).toBeGreaterThan(3);
    expect(inStatus(await counted(bundle))).toEqual(inSpool(bundle));
    expect(bundle.count('delivered')).toBeGreaterThan(400);
  });

  it('what is pruned beside a daemon in many batches is shown as it was before, until everything is counted again', async () => {
    const bundle = await setup({ isStopped: true });
    fill(bundle, 300);
    await bundle.start();
    const before = inStatus(await counted(bundle));
    for (let index = 299; index > 10; index -= 1) {
      expect(pruning(bundle, ENDED_AT - index + 0.5).batch()).toBe(1);
    }
    expect([before, inSpool(bundle)]).toContainEqual(inStatus(await statusOf(bundle)));
    await right(bundle);
    expect(bundle.count('delivered')).toBeLessThan(20);
  });

  it('what is pruned beside a daemon before the daemon starts is nothing to it', async () => {
    const bundle = await setup({ isStopped: true });
    fill(bundle, 500);
    expect(pruning(bundle, ENDED_AT - 50).batch()).toBe(200);
    await bundle.start();
    expect(inStatus(await counted(bundle))).toEqual(inSpool(bundle));
    expect(pruning(bundle, ENDED_AT - 50).batch()).toBe(200);
    await right(bundle);
  });
});

it('a deletion is counted up in the transaction that deletes, or not at all', async () => {
  const bundle = await setup({ isStopped: true });
  fill(bundle, 3);
  const values = new KeyValues(bundle.db);
  const before = deletionsIn(values);
  bundle.db.exec(
    `CREATE TEMP TRIGGER fails BEFORE INSERT ON spool BEGIN SELECT RAISE(ABORT, 'no'); END`,
  );
  expect(() => pruning(bundle).batch()).toThrow('no');
  expect(bundle.all('SELECT 1 FROM messages')).toHaveLength(3);
  expect(deletionsIn(values)).toBe(before);
  bundle.db.exec('DROP TRIGGER fails');
  expect(pruning(bundle).batch()).toBe(3);
  expect(deletionsIn(values)).toBe(before + 1);
});
