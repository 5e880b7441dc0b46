/**
 * The npm package as its users get it: packed, installed into a prefix of its own on a PATH where there is
 * Node and a shell and no compiler, and used. Its dependencies come from npm's cache or the registry; where
 * neither has them, what needs them is skipped, and says so.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../support/sources.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const INSTALL_MS = 280_000;
/** What npm says when it cannot reach what it needs. */
const UNREACHABLE =
  /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|SELF_SIGNED/;

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly dev?: boolean }>
  >;
}

interface Packaged {
  readonly version: string;
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-npm-'));
const prefix = join(folder, 'prefix');
const program = join(prefix, 'bin/sms-spoold');
const { version } = JSON.parse(textOf('package.json')) as { readonly version: string };
let packed: Packed;

/* Node, the shell that npm may want, and nothing else. npm keeps its settings, proxies and cache. */
const bin = join(folder, 'bin');
const environment = { PATH: bin };

function npm(...args: readonly string[]) {
  const onPath = (process.env['PATH'] ?? '').split(':').map((one) => join(one, 'npm'));
  const cli = realpathSync(onPath.find((one) => existsSync(one)) ?? 'npm');
  const env = { ...process.env, ...environment };
  const options = { cwd: ROOT, encoding: 'utf8', env, timeout: INSTALL_MS } as const;
  return spawnSync(process.execPath, [cli, ...args], options);
}

beforeAll(() => {
  mkdirSync(bin);
  mkdirSync(prefix);
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  /* As if its source had been deleted since the last build. */
  writeFileSync(join(ROOT, 'dist/deleted-since.js'), '');
  execFileSync(process.execPath, ['src/packaging/build.ts'], { cwd: ROOT, stdio: 'inherit' });
  /* Without scripts: what is packed is what was built just now. */
  execFileSync(process.execPath, ['src/packaging/shrinkwrap.ts'], { cwd: ROOT, stdio: 'inherit' });
  const { stdout } = npm('pack', '--ignore-scripts', '--json', '--pack-destination', folder);
  const [only] = Object.values(JSON.parse(stdout) as Readonly<Record<string, Packed>>);
  rmSync(join(ROOT, 'npm-shrinkwrap.json'));
  if (only === undefined) throw new Error(`npm pack: ${stdout}`);
  packed = only;
}, INSTALL_MS);
afterAll(() => rmSync(folder, { recursive: true }));

describe('npm pack', () => {
  it('packs the program, its documents, units, completions and manual page, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'package.json',
        'dist/main.js',
        'dist/man/sms-spoold.1',
        'dist/completions/_sms-spoold',
        'dist/completions/sms-spoold',
        'dist/completions/sms-spoold.fish',
        'config/sms-spoold.toml',
        'systemd/sms-spoold.service',
        'npm-shrinkwrap.json',
      ]),
    );
    const known =
      /^(node_modules\/|dist\/.*\.js|dist\/(man|completions)\/|config\/|systemd\/|package\.json$|npm-shrinkwrap\.json$|LICENSE$|[A-Z]+\.md$)/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
  });

  it('packs what was built, and no file whose source is gone', () => {
    const orphans = packed.files
      .map(({ path }) => path)
      .filter((path) => /^dist\/.*\.js$/.test(path))
      .filter((path) => !existsSync(join(ROOT, path.replace(/^dist/, 'src').replace(/js$/, 'ts'))));
    expect(orphans).toEqual([]);
  });
});

describe('npm install --global, with no compiler on the PATH', { timeout: INSTALL_MS }, () => {
  let unreachable: string | null = null;
  beforeAll(() => {
    const tarball = join(folder, packed.filename);
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=0'];
    const done = npm('install', '--global', '--prefix', prefix, ...quiet, tarball);
    if (done.status === 0) return;
    const said = `${done.stdout}${done.stderr}`;
    if (!UNREACHABLE.test(said)) throw new Error(said);
    unreachable = 'the npm registry cannot be reached, and the cache has not all packages';
  }, INSTALL_MS);

  const use = (...args: readonly string[]): string =>
    execFileSync(program, args, { cwd: folder, env: environment, encoding: 'utf8' });

  it('npm install --global, with no compiler on the PATH gives a program that makes a spool, takes a message and shows it', ({
    skip,
  }) => {
    skip(unreachable !== null, unreachable ?? '');
    expect(use('--version')).toBe(`${version}\n`);
    writeFileSync(join(folder, 'sms-spoold.toml'), '[spool]\npath = "spool.db"\n');
    expect(use('init')).toContain('Made the spool');
    expect(use('send', '447700900000', 'Hello')).toBe('1\n');
    const listed = JSON.parse(use('list', '--json')) as { readonly state: string };
    expect(listed.state).toBe('queued');
  });

  it('installs the versions of the lock file', ({ skip }) => {
    skip(unreachable !== null, unreachable ?? '');
    const { packages } = JSON.parse(textOf('package-lock.json')) as Lock;
    const own = join(prefix, 'lib/node_modules/sms-spoold');
    const installed = Object.entries(packages).filter(
      ([name, { dev }]) => name !== '' && dev !== true && existsSync(join(own, name)),
    );
    expect(installed.length).toBeGreaterThan(20);
    for (const [name, { version: expected }] of installed) {
      const found = JSON.parse(readFileSync(join(own, name, 'package.json'), 'utf8')) as Packaged;
      expect(`${name} ${found.version}`).toBe(`${name} ${expected ?? ''}`);
    }
    const shrinkwrap = JSON.parse(readFileSync(join(own, 'npm-shrinkwrap.json'), 'utf8')) as Lock;
    expect(shrinkwrap.packages['node_modules/undici']).toEqual(packages['node_modules/undici']);
    expect(shrinkwrap.packages['node_modules/vitest']).toBeUndefined();
  });

  it('npm install --global, with no compiler on the PATH puts the manual page where man looks for it', ({
    skip,
  }) => {
    skip(unreachable !== null, unreachable ?? '');
    const page = join(prefix, 'share/man/man1/sms-spoold.1');
    expect(lstatSync(realpathSync(page)).size).toBeGreaterThan(1_000);
  });

  it('npm install --global, with no compiler on the PATH brings neither sources nor what only developers need', ({
    skip,
  }) => {
    skip(unreachable !== null, unreachable ?? '');
    const own = join(prefix, 'lib/node_modules/sms-spoold');
    const there = ['src', 'test', 'node_modules/typescript', 'node_modules/node'];
    expect(there.filter((name) => existsSync(join(own, name)))).toEqual([]);
    expect(existsSync(join(own, 'node_modules/better-sqlite3/prebuilds'))).toBe(true);
  });
});
