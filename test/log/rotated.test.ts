/**
 * What logrotate took away from the log file is read as if it were still there: in order, no line twice, and
 * no file that is not needed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LogFilter } from '../../src/log/line.ts';
import { fileSource, type LogSource } from '../../src/log/source.ts';
import { makeFolder } from '../support/spool.ts';
import { hasLogrotate, logrotate, writeLogrotate } from './rotation.ts';

const ANY: LogFilter = {
  ...{ message: null, reference: null, sender: null, state: null },
  ...{ since: null, until: null, isInCampaign: null },
};
const HOUR_S = 3_600;
const BEGAN_AT = 1_795_400_000;

/** The line of a message, which was said so many hours after the first one. */
function line(seq: number): string {
  const time = new Date((BEGAN_AT + seq * HOUR_S) * 1_000).toISOString();
  const fields = { level: 'info', time, event: 'message.await-receipt', seq, id: seq % 3 };
  return `${JSON.stringify(fields)}\n`;
}

function linesOf(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join('');
}

/** From `from` to `to`, in order. */
function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function gzip(path: string): void {
  execFileSync('gzip', [path]);
}

function setup() {
  const path = join(makeFolder(), 'status.log');
  const troubles: string[] = [];
  const open = (): LogSource =>
    fileSource(path, (name, error) =>
      troubles.push(`${name.slice(path.length)}: ${String(error)}`),
    );
  const read = async (filter: Partial<LogFilter> = {}, limit = Infinity, opened?: LogSource) => {
    const source = opened ?? open();
    const seqs: unknown[] = [];
    for await (const { fields } of source.last({ filter: { ...ANY, ...filter }, limit })) {
      seqs.push(fields?.['seq']);
    }
    if (opened === undefined) source[Symbol.dispose]();
    return seqs;
  };
  return { path, troubles, open, read };
}

/** Lines 1 to 12 in a log file and three that were rotated away, two of them compressed. */
function rotated() {
  const bundle = setup();
  const { path } = bundle;
  for (const [end, from] of [
    ['.3', 1],
    ['.2', 4],
    ['.1', 7],
    ['', 10],
  ] as const) {
    writeFileSync(path + end, linesOf(from, from + 2));
  }
  gzip(`${path}.3`);
  gzip(`${path}.2`);
  return bundle;
}

/** Makes a file one that cannot be read. */
function spoil(path: string): void {
  writeFileSync(path, 'no gzip');
}

describe('a rotated log', () => {
  it('is read from the oldest file to the newest', async () => {
    const { read, troubles } = rotated();
    expect(await read()).toEqual(range(1, 12));
    expect(await read({ message: 1 })).toEqual([1, 4, 7, 10]);
    expect(troubles).toEqual([]);
  });

  it('gives so many of the last lines, of however many files', async () => {
    const { read } = rotated();
    for (const limit of [0, 1, 3, 4, 6, 7, 11, 12, 100]) {
      expect(await read({}, limit)).toEqual(range(1, 12).slice(Math.max(0, 12 - limit)));
      const ofOne = [2, 5, 8, 11].slice(Math.max(0, 4 - limit));
      expect(await read({ message: 2 }, limit)).toEqual(limit === 0 ? [] : ofOne);
    }
  });

  it('gives all from a time on, and up to one', async () => {
    const { read } = rotated();
    for (const seq of range(1, 12)) {
      const at = BEGAN_AT + seq * HOUR_S;
      expect(await read({ since: at })).toEqual(range(seq, 12));
      expect(await read({ until: at })).toEqual(range(1, seq));
      expect(await read({ since: at }, 2)).toEqual(range(Math.max(seq, 11), 12));
    }
  });

  it('is read no farther back than is needed', async () => {
    const { read, path, troubles } = rotated();
    spoil(`${path}.3.gz`);
    expect(await read({}, 9)).toEqual(range(4, 12));
    expect(await read({ since: BEGAN_AT + 6 * HOUR_S })).toEqual(range(6, 12));
    spoil(`${path}.2.gz`);
    expect(await read({}, 6)).toEqual(range(7, 12));
    expect(await read({ since: BEGAN_AT + 9 * HOUR_S })).toEqual(range(9, 12));
    expect(troubles).toEqual([]);
  });

  it('gives what can be read of a file that is not whole, and tells of it once', async () => {
    const { read, path, troubles } = rotated();
    writeFileSync(`${path}.2`, linesOf(1, 5_000));
    rmSync(`${path}.2.gz`);
    gzip(`${path}.2`);
    truncateSync(`${path}.2.gz`, readFileSync(`${path}.2.gz`).length - 2_000);
    spoil(`${path}.3.gz`);
    const seqs = await read({}, 10_000);
    expect(seqs.length).toBeGreaterThan(1_000);
    expect(seqs.slice(-6)).toEqual(range(7, 12));
    expect(seqs.slice(0, -6)).toEqual(range(1, seqs.length - 6));
    expect(troubles.map((words) => words.slice(0, 6))).toEqual(['.2.gz:', '.3.gz:']);
  });

  it('says what it cannot unpack, where its lines are needed', async () => {
    const { read, path, troubles } = rotated();
    renameSync(`${path}.3.gz`, `${path}.3.xz`);
    expect(await read({}, 9)).toEqual(range(4, 12));
    expect(troubles).toEqual([]);
    expect(await read()).toEqual(range(4, 12));
    expect(troubles).toEqual(['.3.xz: Error: .xz cannot be unpacked here']);
  });

  it('is known by dates, too, and beside numbers by when it was written', async () => {
    const { read, path } = setup();
    for (const [end, from] of [
      ['-20261125', 4],
      ['-20261126', 7],
      ['-2026112709', 10],
      ['', 13],
    ] as const) {
      writeFileSync(path + end, linesOf(from, from + 2));
    }
    gzip(`${path}-20261125`);
    writeFileSync(`${path}-20261126.zst`, zstdCompressSync(readFileSync(`${path}-20261126`)));
    rmSync(`${path}-20261126`);
    writeFileSync(`${path}.old`, linesOf(90, 92));
    writeFileSync(`${path}.lock`, '');
    expect(await read()).toEqual(range(4, 15));
    writeFileSync(`${path}.1`, linesOf(1, 3));
    utimesSync(`${path}.1`, BEGAN_AT, BEGAN_AT);
    expect(await read()).toEqual(range(1, 15));
  });

  it('is there where the log file is not, and is followed by its name', async () => {
    const { read, open, path } = rotated();
    rmSync(path);
    const source = open();
    expect(await read({}, 4, source)).toEqual(range(6, 9));
    const next = source.next()[Symbol.asyncIterator]();
    appendFileSync(`${path}.1`, line(10));
    expect((await next.next()).value).toMatchObject({ fields: { seq: 10 } });
    writeFileSync(path, line(11));
    expect((await next.next()).value).toMatchObject({ fields: { seq: 11 } });
  });
});

describe('a rotation', () => {
  it('between opening and reading takes nothing away and shows nothing twice', async () => {
    const { read, open, path } = rotated();
    const source = open();
    renameSync(`${path}.3.gz`, `${path}.4.gz`);
    renameSync(`${path}.2.gz`, `${path}.3.gz`);
    gzip(`${path}.1`);
    renameSync(`${path}.1.gz`, `${path}.2.gz`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, line(13));
    expect(await read({}, Infinity, source)).toEqual(range(1, 12));
    expect((await source.next()[Symbol.asyncIterator]().next()).value).toMatchObject({
      fields: { seq: 13 },
    });
    expect(await read()).toEqual(range(1, 13));
  });

  it('that has compressed a file and not deleted it yet shows its lines once', async () => {
    const { read, path } = rotated();
    execFileSync('gzip', ['--keep', `${path}.1`]);
    expect(await read()).toEqual(range(1, 12));
    writeFileSync(`${path}.1.gz`, readFileSync(`${path}.1.gz`).subarray(0, 20));
    expect(await read()).toEqual(range(1, 12));
  });

  it('that copies and truncates shows each line once, before and after', async () => {
    const { read, path, troubles } = rotated();
    renameSync(`${path}.1`, `${path}.2`);
    rmSync(`${path}.2.gz`);
    copyFileSync(path, `${path}.1`);
    expect(await read({ since: BEGAN_AT + 7 * HOUR_S })).toEqual(range(7, 12));
    truncateSync(path);
    expect(await read({ since: BEGAN_AT + 7 * HOUR_S })).toEqual(range(7, 12));
    appendFileSync(path, line(13));
    expect(await read({ since: BEGAN_AT + 7 * HOUR_S })).toEqual(range(7, 13));
    expect(troubles).toEqual([]);
  });

  it('that truncates what is being read is told of', async () => {
    const { read, open, path, troubles } = rotated();
    const source = open();
    truncateSync(path);
    expect(await read({ message: 1 }, Infinity, source)).toEqual([1, 4, 7]);
    expect(troubles).toEqual([': Error: it was cut short while it was read']);
  });
});

describe('logrotate, with the directives that we ship,', () => {
  it('leaves a log that is read whole, numbered and then dated', async (context) => {
    if (!hasLogrotate()) context.skip('logrotate is not installed');
    const { read, path, troubles } = setup();
    const folder = join(path, '..');
    const config = writeLogrotate(folder, null);
    for (let seq = 1; seq <= 40; seq += 10) {
      writeFileSync(path, linesOf(seq, seq + 9));
      logrotate(folder, config);
      expect(await read()).toEqual(range(1, seq + 9));
    }
    writeFileSync(path, linesOf(41, 50));
    logrotate(folder, writeLogrotate(folder, null, 'dateext'));
    writeFileSync(path, linesOf(51, 60));
    expect(await read()).toEqual(range(1, 60));
    expect(await read({}, 15)).toEqual(range(46, 60));
    expect(troubles).toEqual([]);
  });

  /* What a daemon writes to the old file while that is copied or compressed, logrotate loses. */
  it.for([
    ['create 0600', true],
    ['', true],
    ['nodelaycompress', false],
    ['copytruncate', false],
  ] as const)(
    'is read while it works without a gap or a line twice: %s',
    async ([more, isWriting], context) => {
      if (!hasLogrotate()) context.skip('logrotate is not installed');
      const { read, path, troubles } = setup();
      const folder = join(path, '..');
      const config = writeLogrotate(folder, null, more);
      let seq = 0;
      for (let rotation = 1; rotation <= 4; rotation += 1) {
        const fd = openSync(path, 'a');
        const say = (): void => void writeSync(fd, line((seq += 1)));
        for (let count = 0; count < 200; count += 1) say();
        const args = ['--force', '--state', join(folder, 'state'), config];
        const child = spawn('logrotate', args, { stdio: 'inherit' });
        const closed = once(child, 'close');
        while (child.exitCode === null) {
          if (isWriting) say();
          troubles.length = 0;
          const seqs = await read();
          expect(seqs).toEqual(range(1, seqs.length));
          if (more !== 'copytruncate') expect(troubles).toEqual([]);
          if (troubles.length === 0) expect(seqs.length).toBe(seq);
          await turn();
        }
        await closed;
        closeSync(fd);
      }
      expect(await read()).toEqual(range(1, seq));
    },
  );

  it('is read while its newest file is renamed again and again', async () => {
    const { read, path, troubles } = setup();
    writeFileSync(`${path}.1`, linesOf(1, 10));
    const renames = `
      const { renameSync } = require('node:fs');
      const [from, to] = process.argv.slice(1);
      const nap = new Int32Array(new SharedArrayBuffer(4));
      for (;;) for (const [a, b] of [[from, to], [to, from]]) {
        renameSync(a, b);
        Atomics.wait(nap, 0, 0, 0.2);
      }`;
    const child = spawn(process.execPath, ['-e', renames, `${path}.1`, `${path}.2`]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    while (existsSync(`${path}.1`)) await turn();
    for (let times = 0; times < 3_000; times += 1) expect(await read()).toEqual(range(1, 10));
    expect(troubles).toEqual([]);
  });
});
