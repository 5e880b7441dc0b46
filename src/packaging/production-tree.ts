/**
 * Copies the program and the packages that it needs to run into a folder: dist/, package.json, config/ and
 * node_modules/. Files for developers and compilers are left out; every licence stays.
 *
 * Always holds: nothing is downloaded; the packages are those of the checkout's node_modules.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { filesIn, ROOT } from './checkout.ts';

export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  /** As package.json says; '' = it does not. */
  readonly license: string;
  /** The text of its licence file; null = it has none. */
  readonly licenseText: string | null;
}

/** Never read by a running program. */
const NOT_RUN =
  /^\.|\.(ts|mts|cts|map|md|markdown|flow|ya?ml|gyp|gypi|h|c|cc|cpp|hpp|html|sh|css|svg|png)$/i;
const NOT_RUN_FOLDERS: ReadonlySet<string> = new Set(
  'node_modules benchmark benchmarks bench bin coverage doc docs example examples integration scripts test tests tools __tests__'.split(
    ' ',
  ),
);
const LICENCE = /^(licen[cs]e|copying|notice)/i;

/** Fills `folder` with the program as `version`, and says which packages are in it, by name. */
export function writeProductionTree(folder: string, version: string): readonly ShippedPackage[] {
  for (const name of ['dist', 'config']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  const { name, license, type } = packageAt(ROOT);
  const own = { name, version, license, type };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  const shipped = productionPackages().map((from) => {
    copyPackage(from, join(folder, relative(ROOT, from)));
    return describe(from);
  });
  return shipped.toSorted(
    (a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version),
  );
}

/* npm knows which packages the program needs to run; each is a folder of its own, also a nested one. */
function productionPackages(): readonly string[] {
  const args = ['ls', '--omit=dev', '--all', '--parseable'];
  const printed = execFileSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const folders = printed.split('\n').filter((line) => line !== '' && line !== ROOT);
  if (folders.length === 0) throw new Error('npm ls names no packages: run npm ci first');
  return folders;
}

function copyPackage(from: string, to: string): void {
  for (const name of filesIn(from).filter((file) => isShipped(from, file))) {
    mkdirSync(dirname(join(to, name)), { recursive: true });
    copyFileSync(join(from, name), join(to, name));
  }
}

/* better-sqlite3 ships SQLite's sources, and a binary for every system. */
function isShipped(folder: string, name: string): boolean {
  const [top = '', ...inside] = name.split('/');
  if (inside.length === 0 && LICENCE.test(name)) return true;
  if (inside.length > 0 && (top.startsWith('.') || NOT_RUN_FOLDERS.has(top))) return false;
  if (NOT_RUN.test(basename(name)) || join(folder, name).includes('/better-sqlite3/deps/')) {
    return false;
  }
  return !name.endsWith('.node') || basename(name) === `linux-${process.arch}.node`;
}

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly type?: string;
}

function packageAt(folder: string): PackageFile {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
}

function describe(folder: string): ShippedPackage {
  const { name, version, license = '' } = packageAt(folder);
  const file = readdirSync(folder).find((entry) => LICENCE.test(entry));
  const licenseText = file === undefined ? null : readFileSync(join(folder, file), 'utf8');
  return { name, version, license, licenseText };
}
