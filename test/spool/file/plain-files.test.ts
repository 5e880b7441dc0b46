// What the files of a spool must be before anything is opened: every kind of other thing at every name.
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Archive } from '../../../src/spool/write/archive.ts';
import { SpoolError } from '../../../src/spool/sql/spool-errors.ts';
import { openSpool, type OpenOptions } from '../../../src/spool/file/open.ts';
import { Ownership } from '../../../src/spool/file/ownership.ts';
import { makeFolder, ownFolderOf } from '../../support/spool.ts';

const ENDS = ['', '-wal', '-shm', '-journal', '.lock'] as const;
const isRoot = process.getuid?.() === 0;

interface Place {
  readonly path: string;
  /** A file of somebody else's. */
  readonly victim: string;
  /** Where nothing is. */
  readonly nowhere: string;
}

/** Kinds of things that are no plain file with one name. */
const KINDS: Readonly<Record<string, (file: string, place: Place) => void>> = {
  'a link': (file, { victim }) => symlinkSync(victim, file),
  'a dangling link': (file, { nowhere }) => symlinkSync(nowhere, file),
  'a link to itself': (file) => symlinkSync(file, file),
  'a second name': (file, { victim }) => linkSync(victim, file),
  'a named pipe': (file) => {
    execFileSync('mkfifo', [file]);
  },
  'a directory': (file) => mkdirSync(file),
  'a socket': (file) => {
    const server = createServer().listen(file);
    onTestFinished(() => {
      server.close();
    });
  },
  ...(isRoot
    ? { 'a device': (file: string) => void execFileSync('mknod', [file, 'c', '1', '3']) }
    : {}),
};

const WAYS: Readonly<Record<string, OpenOptions>> = {
  'init and run': { create: true },
  'a command that writes': {},
  'a command that reads': { readonly: true },
};

function setup(): Place & { readonly folder: string } {
  const root = makeFolder();
  const folder = join(root, 'spool');
  mkdirSync(folder);
  const victim = join(root, 'victim');
  writeFileSync(victim, 'of somebody else');
  return { folder, path: join(folder, 'spool.db'), victim, nowhere: join(root, 'nowhere') };
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SpoolError) return error.code;
    throw error;
  }
  return 'taken';
}

/* A socket listens, and is not there, a turn later. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const CASES = Object.keys(KINDS).flatMap((kind) => ENDS.map((end) => [kind, end] as const));

describe('a spool is not opened', () => {
  it.each(CASES)(
    'a spool is not opened where there is %s at spool.db%s, by whatever command',
    async (kind, end) => {
      const place = setup();
      if (end !== '') openSpool(place.path, { create: true }).close();
      KINDS[kind]?.(place.path + end, place);
      await turn();
      const before = readdirSync(place.folder);
      for (const options of Object.values(WAYS)) {
        const open = (): void => {
          openSpool(place.path, options).close();
        };
        expect(codeOf(open)).toBe('unsafe-file');
        expect(open).toThrow(place.path + end);
      }
      expect(codeOf(() => Ownership.take(place.path, ownFolderOf(place.path)))).toBe('unsafe-file');
      expect(readdirSync(place.folder).filter((name) => name !== 'sms-spoold-own')).toEqual(before);
      expect(existsSync(place.nowhere)).toBe(false);
      expect(readFileSync(place.victim, 'utf8')).toBe('of somebody else');
    },
  );

  it.skipIf(!isRoot)(
    'a spool is not opened that does not belong to the owner of its folder',
    () => {
      const { path, folder } = setup();
      writeFileSync(path, '');
      chownSync(path, 1, 1);
      expect(codeOf(() => openSpool(path, { create: true }))).toBe('unsafe-file');
      expect(() => openSpool(path)).toThrow(/uid 1, but must .* uid 0.*chown --reference=/);
      chownSync(folder, 1, 1);
      openSpool(path, { create: true }).close();
    },
  );
});

describe('an archive is not opened', () => {
  it.each(['', '-wal', '-journal'])(
    'an archive is not opened where there is a link at archive.db%s',
    (end) => {
      const { path, folder, victim, nowhere } = setup();
      const db = openSpool(path, { create: true });
      onTestFinished(() => void db.close());
      const file = join(folder, 'archive.db');
      for (const target of [victim, nowhere]) {
        symlinkSync(target, file + end);
        expect(codeOf(() => Archive.open(db, file))).toBe('unsafe-file');
        unlinkSync(file + end);
      }
      expect(existsSync(nowhere)).toBe(false);
      expect(readFileSync(victim, 'utf8')).toBe('of somebody else');
    },
  );
});

describe('a spool is opened', () => {
  it.skipIf(!isRoot)('a spool is opened whose -wal and -shm belong to a member', () => {
    const { path } = setup();
    const first = openSpool(path, { create: true });
    onTestFinished(() => void first.close());
    for (const end of ['-wal', '-shm']) chownSync(path + end, 1, 1);
    openSpool(path).close();
    expect(statSync(path).uid).toBe(0);
  });

  it('a spool is opened through a link to its folder', () => {
    const { path, folder } = setup();
    openSpool(path, { create: true }).close();
    symlinkSync(folder, `${folder}-link`);
    openSpool(join(`${folder}-link`, 'spool.db')).close();
  });
});
