import { linkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { daemonOf, isOwned, Ownership } from '../../src/spool/file/ownership.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { Spool } from '../../src/spool/spool.ts';
import { makeFolder, ownFolderOf } from '../support/spool.ts';

const makePath = (): string => join(makeFolder(), 'spool.db');

function factOf(path: string): ReturnType<typeof daemonOf> {
  const db = openSpool(path);
  try {
    return daemonOf(db, path);
  } finally {
    db.close();
  }
}

it('a daemon is seen from the moment that it owns the spool until it lets go', () => {
  const path = makePath();
  expect(isOwned(path)).toBe(false);
  const ownership = Ownership.take(path, ownFolderOf(path));
  expect(isOwned(path)).toBe(true);
  ownership.release();
  expect(isOwned(path)).toBe(false);
});

it('asking keeps no daemon from starting, and changes no file', () => {
  const path = makePath();
  Ownership.take(path, ownFolderOf(path)).release();
  for (let times = 0; times < 50; times += 1) {
    expect(isOwned(path)).toBe(false);
    const ownership = Ownership.take(path, ownFolderOf(path));
    expect(isOwned(path)).toBe(true);
    ownership.release();
  }
});

it('a spool that no daemon has opened says so; later it says when the last run ended', () => {
  const path = makePath();
  openSpool(path, { create: true }).close();
  expect(factOf(path)).toEqual({ isRunning: false, hasRun: false, since: null });
  const before = Date.now() / 1000;
  const ownership = Ownership.take(path, ownFolderOf(path));
  const spool = Spool.open(path, ownership);
  const running = factOf(path);
  expect(running).toMatchObject({ isRunning: true, hasRun: true });
  expect(running.since).toBeGreaterThanOrEqual(before);
  spool.close();
  ownership.release();
  const ended = factOf(path);
  expect(ended).toMatchObject({ isRunning: false, hasRun: true });
  expect(ended.since).toBeGreaterThanOrEqual(running.since ?? Infinity);
});

it('what a program wrote in the place of the times of the run ends no command', () => {
  const path = makePath();
  const db = openSpool(path, { create: true });
  for (const value of ['{', '[]', '{"began_at":"x","ended_at":1e99}', 'null', '7']) {
    db.prepare(`INSERT OR REPLACE INTO spool (name, value) VALUES ('run-times', ?)`).run(value);
    expect(daemonOf(db, path)).toMatchObject({ isRunning: false, since: null });
  }
  db.close();
});

it('a link, a second name and a file that is no database are nobody’s lock', () => {
  const path = makePath();
  writeFileSync(`${path}.lock`, 'no database at all');
  expect(isOwned(path)).toBe(false);
  linkSync(`${path}.lock`, `${path}.other`);
  expect(isOwned(path)).toBe(false);
  renameSync(`${path}.lock`, `${path}.gone`);
  symlinkSync(`${path}.gone`, `${path}.lock`);
  expect(isOwned(path)).toBe(false);
});
