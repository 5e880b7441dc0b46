// A file or a link at log.file, planted by somebody who may write to its folder, gets no line of the daemon.
import { chmodSync, chownSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StatusLog } from '../../src/log/status-log.ts';
import { makeFolder } from '../support/spool.ts';

function setup(mode: number) {
  const root = makeFolder();
  chmodSync(root, mode);
  const victim = join(root, 'victim');
  writeFileSync(victim, 'of somebody else');
  const file = join(root, 'sms-spoold.log');
  const open = (): StatusLog =>
    new StatusLog({
      level: 'info',
      recipients: 'masked',
      file,
      output: { write: () => undefined },
    });
  return { victim, file, open };
}

it.each([
  ['a symbolic link', symlinkSync],
  ['a second name', linkSync],
] as const)('%s at log.file is refused where others may write to the folder', (_kind, link) => {
  const { victim, file, open } = setup(0o2770);
  link(victim, file);
  expect(open).toThrow(/is a link in a folder that others may write to/);
  expect(readFileSync(victim, 'utf8')).toBe('of somebody else');
});

it('an operator may link log.file in a folder of their own', () => {
  const { victim, file, open } = setup(0o755);
  symlinkSync(victim, file);
  open().say('daemon.stopped', {});
  expect(readFileSync(victim, 'utf8')).toMatch(/daemon\.stopped/);
});

const isRoot = process.getuid?.() === 0;

it.skipIf(!isRoot)(
  `a log file of another user is refused where others may write to the folder${isRoot ? '' : ' (skipped: needs root)'}`,
  () => {
    const { file, open } = setup(0o2770);
    writeFileSync(file, 'forged\n');
    chownSync(file, 65_013, 65_012);
    expect(open).toThrow(/belongs to another user in a folder that others may write to/);
    expect(readFileSync(file, 'utf8')).toBe('forged\n');
  },
);

it.skipIf(!isRoot)(
  `a log file of another user is used in a folder of the operator${isRoot ? '' : ' (skipped: needs root)'}`,
  () => {
    const { file, open } = setup(0o755);
    writeFileSync(file, '');
    chownSync(file, 65_013, 65_012);
    open().say('daemon.stopped', {});
    expect(readFileSync(file, 'utf8')).toMatch(/daemon\.stopped/);
  },
);
