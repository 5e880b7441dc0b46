// A start that can be helped by waiting waits, says why in one line, and goes on by itself.
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { remedyOfSpool } from '../../src/core/account/stop-reasons.ts';
import { isOwned } from '../../src/spool/file/ownership.ts';
import { RECIPIENT, setup } from '../support/daemon.ts';
import { makeFolder, openHandle } from '../support/spool.ts';

describe('a start', { timeout: 60_000 }, () => {
  it('a start waits for a lock that another program holds, with receipts answered 503, and then sends', async () => {
    const bundle = await setup({ isStopped: true });
    const id = bundle.drop();
    bundle.db.exec('BEGIN IMMEDIATE');
    const starting = bundle.start();
    await bundle.until(() => bundle.lines('daemon.waiting').length > 0, 'the line');
    const [line] = bundle.lines('daemon.waiting');
    expect(line).toMatchObject({
      reason: 'locked',
      missing: 'Another program holds a write lock on the spool, so nothing is sent.',
      remedy: remedyOfSpool('locked', bundle.path),
    });
    expect(bundle.waiting()).toContain(remedyOfSpool('locked', bundle.path));
    expect(isOwned(bundle.path)).toBe(true);
    const receipt = `${bundle.receiptsUrl()}?msisdn=${RECIPIENT}&status=delivered&messageId=a`;
    expect((await fetch(receipt)).status).toBe(503);
    const ready = await fetch(`${bundle.adminUrl()}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, `locked\n${bundle.waiting()}\n`]);
    bundle.db.exec('ROLLBACK');
    await starting;
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.lines('daemon.waiting')).toHaveLength(1);
    expect(bundle.waiting()).toBeNull();
  });

  it('a start waits for a folder that is not there yet', async () => {
    const root = makeFolder();
    mkdirSync(join(root, 'away'));
    const spool = openHandle(join(root, 'away', 'spool.db'));
    const id = spool.drop();
    spool.db.close();
    const elsewhere = await setup({ isStopped: true });
    const starting = elsewhere.start({ spool: { path: join(root, 'here', 'spool.db') } });
    await elsewhere.until(() => elsewhere.lines('daemon.waiting').length > 0, 'the line');
    const said = elsewhere.lines('daemon.waiting').map((line) => line['reason']);
    expect(said).toEqual(['no-folder']);
    expect(elsewhere.waiting()).toMatch(
      /^the folder of the spool is missing since .*here.spool\.db/,
    );
    renameSync(join(root, 'away'), join(root, 'here'));
    await starting;
    await elsewhere.until(
      () => elsewhere.lines('message.await-receipt').some((line) => line['id'] === id),
      'the message',
    );
  });

  it('a start that waits ends when it is told to', async () => {
    const bundle = await setup({ isStopped: true });
    const starting = bundle.start({ spool: { path: join(makeFolder(), 'none', 'spool.db') } });
    await bundle.until(() => bundle.lines('daemon.waiting').length > 0, 'the line');
    const ended = expect(starting).rejects.toMatchObject({ name: 'StartBrokenOff' });
    await bundle.stop();
    await ended;
    expect(bundle.lines().at(-1)).toMatchObject({ event: 'daemon.stopped', level: 'info' });
  });
});
