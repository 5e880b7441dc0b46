/**
 * `npm pack` runs this first: npm-shrinkwrap.json, which goes into the npm package, from the lock file of the checkout.
 * It names the versions that the tests ran with, each with its hash. npm 11 reads it only in packages of a registry, not
 * in a tarball that is installed by its path: so the packages themselves are in the tarball (bundleDependencies).
 *
 * Always holds: the checkout has one lock file; this one is made for the package and deleted after it is packed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source-date.ts';

type Entry = Readonly<Record<string, unknown>>;

interface Lock {
  readonly packages: Readonly<Record<string, Entry>>;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
const file = join(ROOT, 'npm-shrinkwrap.json');
writeFileSync(file, `${JSON.stringify({ ...lock, packages: shipped(lock) }, null, 2)}\n`);

/* Without what only developers need. */
function shipped({ packages }: Lock): Lock['packages'] {
  const kept = Object.entries(packages).filter(([, entry]) => entry['dev'] !== true);
  return Object.fromEntries(
    kept.map(([name, entry]) => {
      const { devDependencies, ...rest } = entry;
      return [name, name === '' || devDependencies === undefined ? rest : entry];
    }),
  );
}
