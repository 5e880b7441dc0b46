/** A log file is read from its end, on from a place, and followed by its name, whatever is done to it. */
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { backwards, forwards } from '../../src/log/bytes.ts';
import { LogFile } from '../../src/log/file.ts';
import { makeFolder } from '../support/spool.ts';

function setup(content: string) {
  const path = join(makeFolder(), 'status.log');
  writeFileSync(path, content);
  const file = new LogFile(path);
  onTestFinished(() => file[Symbol.dispose]());
  return { path, file };
}

describe('a log file', () => {
  it('is read backwards, and on from any of its lines, whole lines of any length', () => {
    const path = join(makeFolder(), 'status.log');
    const lengths = fc.array(fc.constantFrom(1, 7, 100, 65_535, 65_536, 70_000), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, (all) => {
        const lines = all.map((length, index) => `${index}ä`.padEnd(length, 'x'));
        writeFileSync(path, lines.map((line) => `${line}\n`).join('') + 'half a line');
        using file = new LogFile(path);
        const { fd, end } = file.place;
        const found = [...backwards(fd, end)].reverse();
        expect(found.map(({ text }) => text)).toEqual(lines);
        for (const [index, { at }] of found.entries()) {
          expect([...forwards(fd, at, end)]).toEqual(lines.slice(index));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives half a line when it is whole', () => {
    const { path, file } = setup('one\ntw');
    expect(file.next()).toEqual([]);
    appendFileSync(path, 'o\nthree');
    expect(file.next()).toEqual(['two']);
    appendFileSync(path, '\n');
    expect(file.next()).toEqual(['three']);
  });

  it('is followed over a rename, what was written to the old one last included', () => {
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

  it('is read anew when it was cut short', () => {
    const { path, file } = setup('one\ntwo\n');
    truncateSync(path);
    appendFileSync(path, 'a\n');
    expect(file.next()).toEqual([]);
    expect(file.next()).toEqual(['a']);
  });
});
