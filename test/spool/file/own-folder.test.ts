// The daemon's own folder: where it is, what it refuses to be, and the small files in it.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SpoolError } from '../../../src/spool/sql/spool-errors.ts';
import { OwnFolder } from '../../../src/spool/file/own-folder.ts';
import { makeFolder } from '../../support/spool.ts';

/** Two folders that nobody else may write to: for the spool, and for what the user keeps. */
function setup(spoolMode = 0o700) {
  const root = makeFolder();
  const spoolFolder = join(root, 'spool');
  const home = join(root, 'home');
  for (const folder of [spoolFolder, home]) mkdirSync(folder);
  chmodSync(spoolFolder, spoolMode);
  const spool = join(spoolFolder, 'spool.db');
  const packageFolder = join(root, 'package');
  const env = { XDG_STATE_HOME: home };
  const open = (own: string | null = null, path = spool): OwnFolder =>
    OwnFolder.open({ own, spool: path, env, packageFolder });
  return { root, spoolFolder, home, spool, packageFolder, open };
}

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SpoolError && error.code === 'unsafe-file') return error.message;
    throw error;
  }
  return 'taken';
}

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

describe('the own folder', () => {
  it('the own folder is what spool.own names, made with mode 0700', () => {
    const { root, open } = setup();
    const own = join(root, 'a', 'b');
    expect(open(own)).toMatchObject({ path: own, warning: null });
    expect(modeOf(own)).toBe(0o700);
  });

  it('the own folder is the one of the package, if that belongs to this user', () => {
    const { packageFolder, open } = setup(0o2770);
    mkdirSync(packageFolder, 0o700);
    expect(open().path).toBe(packageFolder);
  });

  it('the own folder is beside the spool, if nobody else may write there', () => {
    const { spoolFolder, open } = setup(0o755);
    const { path, warning } = open();
    expect({ path, warning }).toEqual({ path: join(spoolFolder, 'sms-spoold-own'), warning: null });
    expect(modeOf(path)).toBe(0o700);
  });

  it.each([0o2770, 0o775, 0o757, 0o1777])(
    'the own folder is in $XDG_STATE_HOME for a spool in a folder of mode %o',
    (mode) => {
      const { home, open } = setup(mode);
      expect(open()).toMatchObject({ path: join(home, 'sms-spoold'), warning: null });
    },
  );

  it('the own folder is nowhere for a user without a home whose spool is in a folder of others: an error names [spool] own', () => {
    const { home, spoolFolder, open } = setup(0o2770);
    renameSync(home, `${home}-away`);
    writeFileSync(home, 'no folder');
    expect(refusalOf(() => open())).toMatch(
      /others may write to .*spool, and .*home.sms-spoold cannot be made.*own under \[spool\]/,
    );
    expect(readdirSync(spoolFolder)).toEqual([]);
  });

  it('the own folder warns where [spool] own is in a folder that others may write', () => {
    const { spoolFolder, open } = setup(0o2770);
    expect(open(join(spoolFolder, 'own')).warning).toMatch(
      /can be replaced by whoever may write to .*name a folder elsewhere/,
    );
  });

  it('the own folder is not taken when it is a link, a file, or writable for others', () => {
    const { root, open } = setup();
    const own = join(root, 'own');
    mkdirSync(join(root, 'elsewhere'), 0o700);
    symlinkSync(join(root, 'elsewhere'), join(root, 'link'));
    writeFileSync(join(root, 'file'), '');
    mkdirSync(own);
    chmodSync(own, 0o770);
    expect(refusalOf(() => open(join(root, 'link')))).toMatch(/link is a symbolic link/);
    expect(refusalOf(() => open(join(root, 'file')))).toMatch(/file is not a folder/);
    expect(refusalOf(() => open(own))).toMatch(/may be written by others.*chmod 0700/);
    chmodSync(own, 0o755);
    expect(refusalOf(() => open(own))).toBe('taken');
  });

  it('the own folder of a spool in a folder that is not there is explained', () => {
    const { root, open } = setup();
    expect(() => open(null, join(root, 'none', 'spool.db'))).toThrow(
      /folder .*none does not exist/,
    );
  });
});

describe('a file of the own folder', () => {
  it('a file of the own folder is read as it was written, with mode 0600, and leaves no other', () => {
    const { open } = setup();
    const own = open();
    expect(own.read('spend')).toBeNull();
    own.write('spend', 'one');
    own.write('spend', 'another');
    expect(open().read('spend')).toBe('another');
    const names = readdirSync(own.path);
    expect(names).toEqual([expect.stringMatching(/^spool\.db-[0-9a-f]{16}\.spend$/)]);
    expect(names.map((name) => modeOf(join(own.path, name)))).toEqual([0o600]);
    own.remove('spend');
    expect(own.read('spend')).toBeNull();
  });

  it('a file of the own folder is replaced where a kill left a part of the next one', () => {
    const { open } = setup();
    const own = open();
    own.write('spend', 'one');
    const [name = ''] = readdirSync(own.path);
    writeFileSync(join(own.path, `${name}.partial`), 'ha');
    expect(own.read('spend')).toBe('one');
    own.write('spend', 'two');
    expect(own.read('spend')).toBe('two');
  });

  it('a file of the own folder may be written over', () => {
    const { open } = setup();
    const own = open();
    own.overwrite('note', 'aaaa');
    own.overwrite('note', 'bbbb');
    expect(own.read('note')).toBe('bbbb');
  });

  it('a file of the own folder is one a path of a spool, by whatever way that is reached', () => {
    const { root, spoolFolder, open } = setup(0o2770);
    symlinkSync(spoolFolder, join(root, 'way'));
    open().write('spend', 'ours');
    expect(open(null, join(root, 'way', 'spool.db')).read('spend')).toBe('ours');
    expect(open(null, join(spoolFolder, 'other.db')).read('spend')).toBeNull();
  });

  it('a file of the own folder stays with the spool when the folder that holds both is moved', () => {
    const { root, spoolFolder, open } = setup();
    open().write('spend', 'ours');
    renameSync(spoolFolder, join(root, 'moved'));
    expect(open(null, join(root, 'moved', 'spool.db')).read('spend')).toBe('ours');
  });

  it('a file of the own folder is never read or written through a link', () => {
    const { root, open } = setup();
    const own = open();
    own.write('spend', 'ours');
    const [name = ''] = readdirSync(own.path);
    renameSync(join(own.path, name), join(root, 'theirs'));
    symlinkSync(join(root, 'theirs'), join(own.path, name));
    expect(() => own.read('spend')).toThrow(/ELOOP/);
    expect(() => own.overwrite('spend', 'more')).toThrow(/ELOOP/);
    own.write('spend', 'own');
    expect(statSync(join(root, 'theirs')).size).toBe('ours'.length);
    expect(own.read('spend')).toBe('own');
  });
});
