/**
 * The checkout: its root, the files of a folder, and the date that everything built from it gets, so that the same
 * sources give the same files.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** SOURCE_DATE_EPOCH, else the last commit's date, else (in a tarball) package.json's. */
export function sourceDate(): Date {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (/^\d+$/.test(given)) return new Date(Number(given) * 1000);
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' });
  const committed = git.status === 0 ? git.stdout.trim() : '';
  if (/^\d+$/.test(committed)) return new Date(Number(committed) * 1000);
  return new Date(statSync(join(ROOT, 'package.json')).mtimeMs);
}

/** Relative paths, sorted, so that every list of them is the same each time. */
export function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
