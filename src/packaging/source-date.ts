/**
 * The date that what is built bears, so that the same sources give the same files: SOURCE_DATE_EPOCH, else
 * the last commit's, else (no repository, as in a tarball) package.json's.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export function sourceDate(): Date {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (/^\d+$/.test(given)) return new Date(Number(given) * 1000);
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' });
  const committed = git.status === 0 ? git.stdout.trim() : '';
  if (/^\d+$/.test(committed)) return new Date(Number(committed) * 1000);
  return new Date(statSync(join(ROOT, 'package.json')).mtimeMs);
}
