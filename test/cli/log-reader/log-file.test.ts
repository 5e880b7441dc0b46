/** A log file is read from its end, on from a place, and followed by its name, whatever is done to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  FollowedFile,
  backwards,
  endOfLastLine,
  forwards,
} from '../../../src/cli/log-reader/log-file.ts';
import type { LogFilter } from '../../../src/cli/log-reader/log-line.ts';
import { makeFolder } from '../../support/spool.ts';
import { hasLogrotate, writeLogrotate } from '../../log/rotation.ts';

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

/** From `from` to `to`, in order. */
function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function seqOf(text: string): unknown {
  return (JSON.parse(text) as { readonly seq?: number }).seq;
}

function setup(content: string) {
  const path = join(makeFolder(), 'status.log');
  writeFileSync(path, content);
  const file = new FollowedFile(path);
  onTestFinished(() => file[Symbol.dispose]());
  return { path, file };
}

describe('a log file', () => {
  it('a log file is read backwards, and on from any of its lines, whole lines of any length', () => {
    const path = join(makeFolder(), 'status.log');
    const lengths = fc.array(fc.constantFrom(1, 7, 100, 65_535, 65_536, 70_000), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, (all) => {
        const lines = all.map((length, index) => `${index}ä`.padEnd(length, 'x'));
        writeFileSync(path, lines.map((line) => `${line}\n`).join('') + 'half a line');
        const fd = openSync(path, 'r');
        const end = endOfLastLine(fd);
        const found = [...backwards(fd, end)].reverse();
        expect(found.map(({ text }) => text)).toEqual(lines);
        for (const [index, { at }] of found.entries()) {
          expect([...forwards(fd, at, end)]).toEqual(lines.slice(index));
        }
        closeSync(fd);
      }),
      { numRuns: 40 },
    );
  });

  it('a log file gives half a line when it is whole', () => {
    const { path, file } = setup('one\ntw');
    expect(file.next()).toEqual([]);
    appendFileSync(path, 'o\nthree');
    expect(file.next()).toEqual(['two']);
    appendFileSync(path, '\n');
    expect(file.next()).toEqual(['three']);
  });

  it('a log file is followed over a rename, what was written to the old one last included', () => {
    const { path, file } = setup('one\n');
    renameSync(path, `${path}.1`);
    expect(file.next()).toEqual([]);
    appendFileSync(`${path}.1`, 'two\n');
    writeFileSync(path, '');
    expect(file.next()).toEqual(['two']);
    appendFileSync(`${path}.1`, 'three\n');
    writeFileSync(path, 'four\n');
    expect(file.next()).toEqual(['three', 'four']);
    appendFileSync(path, 'five\n');
    expect(file.next()).toEqual(['five']);
  });

  it('a log file is read from its start when it was cut short', () => {
    const { path, file } = setup('one\ntwo\n');
    truncateSync(path);
    appendFileSync(path, 'a\n');
    expect(file.next()).toEqual([]);
    expect(file.next()).toEqual(['a']);
  });

  it('a log file gives its last lines: a number of them, or from a time on, or up to one, or those of a message', () => {
    const { file } = setup(range(1, 12).map(line).join(''));
    const read = (filter: Partial<LogFilter>, limit = Infinity): readonly unknown[] =>
      [...file.last({ filter: { ...ANY, ...filter }, limit })].map(({ text }) => seqOf(text));
    for (const limit of [0, 1, 5, 12, 100]) {
      expect(read({}, limit)).toEqual(range(1, 12).slice(Math.max(0, 12 - limit)));
    }
    for (const seq of range(1, 12)) {
      const at = BEGAN_AT + seq * HOUR_S;
      expect(read({ since: at })).toEqual(range(seq, 12));
      expect(read({ until: at })).toEqual(range(1, seq));
      expect(read({ since: at }, 2)).toEqual(range(Math.max(seq, 11), 12));
    }
    expect(read({ message: 1 })).toEqual([1, 4, 7, 10]);
    expect(read({ message: 1 }, 2)).toEqual([7, 10]);
  });

  it('a log file ends where it was cut short while it was read, and is followed from its new beginning', () => {
    const { path, file } = setup(range(1, 3).map(line).join(''));
    const lines = file.last({ filter: ANY, limit: 2 });
    truncateSync(path);
    expect([...lines]).toEqual([]);
    expect(file.next()).toEqual([]);
    appendFileSync(path, line(4));
    expect(file.next().map(seqOf)).toEqual([4]);
  });

  /* What is written while the old file is copied or compressed, logrotate loses. */
  it.for([
    ['create 0600', true],
    ['', true],
    ['nodelaycompress', false],
    ['copytruncate', false],
  ] as const)(
    'a log file loses no line and gives none twice while it is followed over logrotate: %s',
    async ([more, isWriting], context) => {
      if (!hasLogrotate()) context.skip('logrotate is not installed');
      const { path, file } = setup('');
      const folder = join(path, '..');
      const config = writeLogrotate(folder, null, more);
      const seen: unknown[] = [];
      const follow = (): void => void seen.push(...file.next().map(seqOf));
      let seq = 0;
      for (let rotation = 1; rotation <= 4; rotation += 1) {
        const fd = openSync(path, 'a');
        const say = (): void => void writeSync(fd, line((seq += 1)));
        for (let count = 0; count < 200; count += 1) say();
        follow();
        const args = ['--force', '--state', join(folder, 'state'), config];
        const child = spawn('logrotate', args, { stdio: 'inherit' });
        const closed = once(child, 'close');
        while (child.exitCode === null) {
          if (isWriting) say();
          follow();
          await turn();
        }
        await closed;
        closeSync(fd);
        follow();
      }
      appendFileSync(path, line((seq += 1)));
      follow();
      expect(seen).toEqual(range(1, seq));
    },
  );
});
