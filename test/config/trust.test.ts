/** Whoever can write a configuration decides where the secret goes, so one that was merely found is not enough. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDocument, type Caller } from '../../src/config/find.ts';
import { catchConfigError, setup } from './setup.ts';

const isRoot = process.geteuid?.() === 0;
const ME = process.geteuid?.() ?? 0;
const MY_GID = process.getegid?.() ?? 0;
const CALLER: Caller = { uid: ME, ownGid: MY_GID };
const STRANGER = 54_321;

function find(
  cwd: string,
  systemFile: string,
  caller: Caller = CALLER,
  file: string | null = null,
) {
  return findDocument({ file, env: {}, cwd, systemFile, caller });
}

describe('a configuration that is merely found', () => {
  it('a configuration that is merely found is used when it and its folder are the caller’s alone', () => {
    const { folder, systemFile, write } = setup();
    const path = write('sms-spoold.toml', '');
    expect(find(folder, systemFile).file).toBe(path);
  });

  it.each([
    ['every user may write it', 0o646, 0o700],
    ['every user may write its folder', 0o644, 0o757],
    ['every user may write its sticky folder', 0o644, 0o1777],
  ])(
    'a configuration that is merely found is refused when %s, and the error names --config',
    (_, mode, folderMode) => {
      const { folder, systemFile, write } = setup();
      const path = write('sms-spoold.toml', '');
      chmodSync(path, mode);
      chmodSync(folder, folderMode);
      const error = catchConfigError(() => find(folder, systemFile));
      expect(error.message).toContain('every user may write');
      expect(error.message).toContain(`--config ${path}`);
    },
  );

  it.each([
    ['a file', 0o664, 0o700],
    ['a folder', 0o644, 0o770],
  ])(
    'a configuration that is merely found in %s that a group may write is used only if the group is the caller’s own',
    (_, mode, folderMode) => {
      const { folder, systemFile, write } = setup();
      const path = write('sms-spoold.toml', '');
      chmodSync(path, mode);
      chmodSync(folder, folderMode);
      expect(find(folder, systemFile).file).toBe(path);
      for (const ownGid of [null, MY_GID + 1]) {
        const error = catchConfigError(() => find(folder, systemFile, { uid: ME, ownGid }));
        expect(error.message).toContain('its group may write');
      }
    },
  );

  it.runIf(isRoot)(
    'a configuration that is merely found of another user is refused, also for root',
    () => {
      const { folder, systemFile, write } = setup();
      const path = write('sms-spoold.toml', '');
      execFileSync('chown', [String(STRANGER), path]);
      expect(catchConfigError(() => find(folder, systemFile)).message).toContain(
        'belongs to another user',
      );
      execFileSync('chown', ['0', path]);
      execFileSync('chown', [String(STRANGER), folder]);
      expect(catchConfigError(() => find(folder, systemFile)).message).toContain(
        'belongs to another user',
      );
    },
  );

  it('a configuration that is merely found behind a link is refused when the place that the link leads to is not safe', () => {
    const { folder, systemFile, write } = setup();
    const target = write('open/real.toml', '');
    mkdirSync(join(folder, 'work'));
    symlinkSync(target, join(folder, 'work', 'sms-spoold.toml'));
    expect(find(join(folder, 'work'), systemFile).file).not.toBeNull();
    chmodSync(join(folder, 'open'), 0o777);
    expect(catchConfigError(() => find(join(folder, 'work'), systemFile)).code).toBe(
      'file-unreadable',
    );
  });

  it('a configuration that is merely found that is a FIFO is refused at once', () => {
    const { folder, systemFile } = setup();
    execFileSync('mkfifo', [join(folder, 'sms-spoold.toml')]);
    expect(catchConfigError(() => find(folder, systemFile)).message).toContain(
      'not a regular file',
    );
  });

  it('a configuration that is merely found is used whatever its mode when it is named', () => {
    const { folder, systemFile, write } = setup();
    const path = write('sms-spoold.toml', '');
    chmodSync(path, 0o666);
    chmodSync(folder, 0o777);
    expect(find(folder, systemFile, CALLER, path).file).toBe(path);
  });
});

describe('a working folder that this user may not enter', () => {
  it.runIf(isRoot)(
    'a working folder that this user may not enter is passed over, and the system’s file is used',
    () => {
      const { folder, systemFile, write } = setup();
      write('etc/sms-spoold.toml', '');
      const closed = join(folder, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      writeFileSync(join(closed, 'sms-spoold.toml'), '');
      chmodSync(folder, 0o755);
      chmodSync(join(folder, 'etc'), 0o755);
      const program = `
      import { findDocument } from ${JSON.stringify(new URL('../../src/config/find.ts', import.meta.url).href)};
      const found = findDocument({ file: null, env: {}, cwd: ${JSON.stringify(closed)}, systemFile: ${JSON.stringify(systemFile)} });
      console.log(found.file);`;
      const asStranger = [
        '--reuid',
        String(STRANGER),
        '--regid',
        String(STRANGER),
        '--clear-groups',
      ];
      const run = spawnSync(
        'setpriv',
        [...asStranger, process.execPath, '--input-type=module', '-e', program],
        { encoding: 'utf8', cwd: '/' },
      );
      expect(run.stderr).toBe('');
      expect(run.stdout.trim()).toBe(systemFile);
    },
  );
});
