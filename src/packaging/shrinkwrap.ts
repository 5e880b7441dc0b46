/**
 * Writes npm-shrinkwrap.json for the npm package from the lock file of the checkout; `npm pack` runs it first. It names
 * the versions that the tests ran with, each with its hash. npm 11 reads it only in packages of a registry, not in a
 * tarball that is installed by its path: so the packages themselves are in the tarball (bundleDependencies).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './checkout.ts';

interface LockFile {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as LockFile;
const file = join(ROOT, 'npm-shrinkwrap.json');
writeFileSync(file, `${JSON.stringify({ ...lock, packages: shipped(lock) }, null, 2)}\n`);

/* Without what only developers need. */
function shipped({ packages }: LockFile): LockFile['packages'] {
  const kept = Object.entries(packages).filter(([, entry]) => entry['dev'] !== true);
  const [[, own] = [], ...others] = kept;
  return { '': { ...own, devDependencies: undefined }, ...Object.fromEntries(others) };
}
