/**
 * What the service manager is told. In the place of systemd-notify stands a program of the test's, which
 * writes down how it was called; the shell, the pipe and the order are the real ones.
 */
import { chmodSync, existsSync, openSync, readFileSync, closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Announcer } from '../../src/systemd/announcer.ts';
import { makeFolder } from '../support/spool.ts';

const DEADLINE_MS = 20_000;
const LOOK_EVERY_MS = 5;

async function until<T>(look: () => T, isIt: (value: T) => boolean): Promise<T> {
  const endsAt = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = look();
    if (isIt(value) || performance.now() > endsAt) return value;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

interface Bundle {
  readonly announcer: Announcer;
  /** The messages that arrived, each with its assignments; waits until there are so many. */
  readonly heard: (count: number) => Promise<readonly (readonly string[])[]>;
  readonly troubles: string[];
}

/** `script` is what systemd-notify does; it is given the assignments. */
function setup(script: string, env: Readonly<Record<string, string>> = {}): Bundle {
  const folder = makeFolder();
  const program = join(folder, 'systemd-notify');
  const book = join(folder, 'book');
  writeFileSync(program, `#!/bin/sh\n${script.replaceAll('BOOK', book)}\n`);
  chmodSync(program, 0o755);
  const troubles: string[] = [];
  const announcer = new Announcer({
    env: { NOTIFY_SOCKET: '/run/nowhere', PATH: `${folder}:/usr/bin:/bin`, ...env },
    pid: process.pid,
    onTrouble: (reason) => troubles.push(reason),
  });
  onTestFinished(() => announcer[Symbol.dispose]());
  const read = (): readonly (readonly string[])[] =>
    (existsSync(book) ? readFileSync(book, 'utf8') : '')
      .split('--\n')
      .slice(0, -1)
      .map((call) => call.trimEnd().split('\n'));
  const heard: Bundle['heard'] = (count) => until(read, (calls) => calls.length >= count);
  return { announcer, heard, troubles };
}

/** Writes each assignment on a line, and the end of the message. */
const NOTE = `{ for one; do echo "$one"; done; echo --; } >>'BOOK'`;

it('systemd is told in order, each message whole', async () => {
  const { announcer, heard, troubles } = setup(NOTE);
  announcer.ready('0 queued, 0 in flight');
  announcer.alive('* queued; $HOME "x"');
  announcer.stopping('leaving');
  expect(await heard(3)).toEqual([
    ['READY=1', 'STATUS=0 queued, 0 in flight'],
    ['WATCHDOG=1', 'STATUS=* queued; $HOME "x"'],
    ['STOPPING=1', 'STATUS=leaving'],
  ]);
  expect(troubles).toEqual([]);
});

it('systemd is told nothing that a status smuggles in', async () => {
  const { announcer, heard } = setup(NOTE);
  announcer.status('evil\nMAINPID=1\tWATCHDOG=1');
  expect(await heard(1)).toEqual([['STATUS=evil\\u{A}MAINPID=1\\u{9}WATCHDOG=1']]);
});

it('systemd is told of a reload before it and after, with the time by the monotonic clock', async () => {
  const { announcer, heard } = setup(NOTE);
  const before = process.hrtime.bigint() / 1_000n;
  const failed = announcer.reload(() => Promise.reject(new Error('a bad file')));
  await expect(failed).rejects.toThrow('a bad file');
  const [reloading = [], ready] = await heard(2);
  expect(ready).toEqual(['READY=1']);
  expect(reloading[0]).toBe('RELOADING=1');
  const [, at = '0'] = /^MONOTONIC_USEC=(\d+)$/.exec(reloading[1] ?? '') ?? [];
  expect(BigInt(at)).toBeGreaterThanOrEqual(before);
  expect(BigInt(at)).toBeLessThanOrEqual(process.hrtime.bigint() / 1_000n);
});

it('systemd is told by a new shell when the first one failed, which is said once', async () => {
  const { announcer, heard, troubles } = setup(`${NOTE}; exit 3`);
  announcer.ready('one');
  await until(
    () => troubles.length,
    (count) => count > 0,
  );
  announcer.status('two');
  await heard(2);
  expect((await heard(2)).map(([first]) => first)).toEqual(['READY=1', 'STATUS=two']);
  expect(troubles).toEqual(['systemd-notify failed (1)']);
});

it('systemd is told over a passed descriptor, where there is one', async () => {
  const file = join(makeFolder(), 'datagrams');
  const fd = openSync(file, 'w');
  onTestFinished(() => closeSync(fd));
  const names = [...Array.from({ length: fd - 3 }, () => 'other'), 'notify'].join(':');
  const { announcer } = setup(NOTE, {
    LISTEN_PID: String(process.pid),
    LISTEN_FDS: String(fd - 2),
    LISTEN_FDNAMES: names,
    WATCHDOG_USEC: '30000000',
  });
  expect(announcer.watchdogMs).toBe(30_000);
  announcer.ready('well');
  const written = await until(
    () => readFileSync(file, 'utf8'),
    (text) => text !== '',
  );
  expect(written).toBe('READY=1\nSTATUS=well');
});

it('systemd is nobody where nobody asked, and watches nobody else', () => {
  const nobody = { pid: process.pid, onTrouble: () => undefined };
  using silent = new Announcer({ ...nobody, env: { WATCHDOG_USEC: '1000000' } });
  expect([silent.isHeard, silent.watchdogMs]).toEqual([false, null]);
  const env = { NOTIFY_SOCKET: '/run/nowhere', WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' };
  using other = new Announcer({ ...nobody, env });
  expect([other.isHeard, other.watchdogMs]).toEqual([true, null]);
});
