/** Commits of other programs are noticed, with events and without them. */
import * as fs from 'node:fs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { setup as setupSpool } from '../../support/spool.ts';
import { SQL_CLIENTS } from '../../support/sql-clients.ts';

vi.mock('node:fs', async (load) => {
  const real = await load<typeof fs>();
  return { ...real, watch: vi.fn(real.watch) };
});
afterEach(() => vi.mocked(fs.watch).mockClear());

const INSERT = `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Your table is ready')`;

function setup(isIdle = true) {
  const { path, spool, other } = setupSpool();
  const blind: unknown[] = [];
  let commits = 0;
  let tell: () => void = () => undefined;
  const watcher = spool.watch({
    onCommit: () => {
      commits += 1;
      tell();
    },
    isIdle: () => isIdle,
    onBlind: (error) => blind.push(error),
  });
  onTestFinished(() => watcher.stop());
  const noticed = (): Promise<void> =>
    new Promise((resolve) => {
      tell = resolve;
    });
  return { path, spool, other, watcher, blind, noticed, commits: () => commits };
}

describe.each(SQL_CLIENTS)('a commit of $name', ({ missing, run }) => {
  const title = missing === null ? '' : ` (skipped: ${missing})`;

  it.skipIf(missing !== null)(
    `a commit of $name is noticed, one after another${title}`,
    async () => {
      const { path, noticed } = setup();
      for (let times = 0; times < 3; times += 1) {
        const next = noticed();
        expect(run(path, [INSERT])).toEqual([null]);
        await next;
      }
    },
  );
});

it('a commit of ours is no news', async () => {
  const { spool, other, noticed, commits } = setup();
  spool.transaction(() => spool.events.saveCursor(Date.now()));
  expect(commits()).toBe(0);
  const next = noticed();
  other.drop();
  await next;
  expect(commits()).toBe(1);
});

it('a commit is known in a transaction that begins after it, once, before anybody was told', () => {
  const { spool, other, watcher, commits } = setup();
  expect(watcher.takeNews()).toBe(false);
  other.drop();
  expect(spool.transaction(() => [watcher.takeNews(), watcher.takeNews()])).toEqual([true, false]);
  spool.transaction(() => spool.events.saveCursor(Date.now()));
  expect(watcher.takeNews()).toBe(false);
  expect(commits()).toBe(0);
});

it('a commit that comes while ours are frequent is noticed all the same', async () => {
  const { spool, other, noticed } = setup(false);
  const busy = setInterval(() => spool.transaction(() => spool.events.saveCursor(Date.now())), 1);
  for (let times = 0; times < 5; times += 1) {
    const next = noticed();
    other.drop();
    await next;
  }
  clearInterval(busy);
});

it('a commit is noticed where the folder cannot be watched, and that is said once', async () => {
  vi.mocked(fs.watch).mockImplementationOnce(() => {
    throw new Error('inotify limit reached');
  });
  const { other, blind, noticed } = setup();
  expect(blind).toHaveLength(1);
  const next = noticed();
  other.drop();
  await next;
});

it('a commit is noticed after the events have failed', async () => {
  const { other, blind, noticed } = setup();
  const watcher = vi.mocked(fs.watch).mock.results[0]?.value as fs.FSWatcher;
  watcher.close();
  watcher.emit('error', new Error('the folder has gone'));
  expect(blind).toHaveLength(1);
  const next = noticed();
  other.drop();
  await next;
});

it('a commit is not noticed any more after stop', async () => {
  const { other, watcher, commits } = setup();
  watcher.stop();
  other.drop();
  await new Promise((resolve) => setImmediate(resolve));
  expect(commits()).toBe(0);
});
