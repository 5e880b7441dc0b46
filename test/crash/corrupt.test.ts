// A spool that no restart can repair: the daemon says which file and what to do, and leaves with exit code 78.
import {
  closeSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { expect, it } from 'vitest';
import { textOf } from '../support/sources.ts';
import { Trial } from './trial.ts';

const PAGE = 4096;

function overwrite(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

const WAYS: Readonly<Record<string, (path: string) => void>> = {
  'no database': (path) => writeFileSync(path, 'a shopping list, by no means a database'),
  'all zero': (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
  'of a wrong header': (path) => overwrite(path, 0, Buffer.from('SQLite format 4\0')),
  'cut to half': (path) => truncateSync(path, PAGE * Math.floor(statSync(path).size / PAGE / 2)),
  'cut within its first page': (path) => truncateSync(path, 1_000),
  'random after its first page': (path) => {
    const noise = Buffer.alloc(statSync(path).size - PAGE, 0xa5);
    overwrite(path, PAGE, noise);
  },
};

it.for(Object.keys(WAYS))(
  'a start with a spool %s ends with one line and exit code 78',
  async (way) => {
    await using trial = await Trial.begin({ messages: 300 });
    WAYS[way]?.(trial.path);
    const before = readFileSync(trial.path);
    const program = trial.start();
    expect(await program.end()).toEqual({ code: 78, signal: null });
    expect(program.errors).toMatch(
      /^sms-spoold: .*spool\.db is (damaged|not an SQLite database).*\n$/,
    );
    expect(program.errors).toMatch(/backup/);
    expect(program.errors.split('\n')).toHaveLength(2);
    expect(readFileSync(trial.path).equals(before)).toBe(true);
  },
);

it('the unit does not restart what ends with 78', () => {
  expect(textOf('systemd/sms-spoold.service')).toMatch(/^RestartPreventExitStatus=.*\b78\b/m);
});
