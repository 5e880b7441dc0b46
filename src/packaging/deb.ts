/**
 * `npm run package:deb`: makes sms-spoold_VERSION_ARCH.deb, with its own Node, from a checkout after `npm ci` and the
 * build. `--out DIR` is the folder to write to, `--version V` the version, `--fast` compresses little (for tests).
 *
 * Always holds: nothing is downloaded; the same checkout, date and tools give the same bytes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  type Dirent,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { readVersion } from '../version.ts';
import { changelogFile, controlFile, copyrightFile, type Papers } from './debian-papers.ts';
import { writeProductionTree } from './production-tree.ts';
import { verifyRuntime } from './runtime.ts';
import { filesIn, ROOT, sourceDate } from './checkout.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const LIBRARY = 'usr/lib/sms-spoold';
const DOCUMENTS = 'usr/share/doc/sms-spoold';

/** Where each file of the checkout goes. */
const FILES: Readonly<Record<string, string>> = {
  'systemd/sms-spoold.service': 'usr/lib/systemd/system/sms-spoold.service',
  'systemd/sms-spoold.socket': 'usr/lib/systemd/system/sms-spoold.socket',
  'systemd/sms-spoold.sysusers': 'usr/lib/sysusers.d/sms-spoold.conf',
  'systemd/sms-spoold.tmpfiles': 'usr/lib/tmpfiles.d/sms-spoold.conf',
  'systemd/sms-spoold.logrotate': 'etc/logrotate.d/sms-spoold',
  'config/sms-spoold.lnav.json': 'etc/lnav/formats/sms-spoold/sms-spoold.json',
  'systemd/drop-in.conf': `${DOCUMENTS}/examples/drop-in.conf`,
  'config/sms-spoold.toml': `${DOCUMENTS}/examples/sms-spoold.toml`,
  'src/packaging/debian/sms-spoold.toml': 'etc/sms-spoold/sms-spoold.toml',
  'src/packaging/debian/sms-spoold': 'usr/bin/sms-spoold',
  'src/packaging/debian/lintian-overrides': 'usr/share/lintian/overrides/sms-spoold',
  'dist/completions/sms-spoold': 'usr/share/bash-completion/completions/sms-spoold',
  'dist/completions/_sms-spoold': 'usr/share/zsh/vendor-completions/_sms-spoold',
  'dist/completions/sms-spoold.fish': 'usr/share/fish/vendor_completions.d/sms-spoold.fish',
};
const COMPRESSED: Readonly<Record<string, string>> = {
  'dist/man/sms-spoold.1': 'usr/share/man/man1/sms-spoold.1.gz',
  'README.md': `${DOCUMENTS}/README.md.gz`,
  'CHANGELOG.md': `${DOCUMENTS}/CHANGELOG.md.gz`,
};
const CONFFILES = [
  'etc/sms-spoold/sms-spoold.toml',
  'etc/logrotate.d/sms-spoold',
  'etc/lnav/formats/sms-spoold/sms-spoold.json',
];
const SCRIPTS = ['postinst', 'prerm', 'postrm'];
/** Modes other than 0755 for folders and scripts and 0644 for plain files. */
const MODES: Readonly<Record<string, number>> = {
  [`${LIBRARY}/node`]: 0o755,
  'etc/sms-spoold/sms-spoold.toml': 0o640,
};

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: '.' },
    version: { type: 'string', default: readVersion() },
    fast: { type: 'boolean', default: false },
  },
});
const stage = mkdtempSync(join(tmpdir(), 'sms-spoold-deb-'));
try {
  const papers = papersOf(values.version);
  fill(stage, papers);
  const name = `sms-spoold_${papers.version}_${papers.architecture}.deb`;
  const file = join(resolve(values.out), name);
  mkdirSync(dirname(file), { recursive: true });
  build(stage, file, papers.date);
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(stage, { recursive: true });
}

/* The maintainer is named as for Debian's own tools. */
function papersOf(version: string): Papers {
  const architecture = ARCHITECTURES[process.arch];
  if (process.platform !== 'linux' || architecture === undefined) {
    throw new Error(`no Debian package for ${process.platform} on ${process.arch}`);
  }
  const name = process.env['DEBFULLNAME'] ?? 'the sms-spoold authors';
  const address = process.env['DEBEMAIL'] ?? 'sms-spoold@example.invalid';
  return { version, architecture, maintainer: `${name} <${address}>`, date: sourceDate() };
}

function fill(root: string, papers: Papers): void {
  mkdirSync(join(root, LIBRARY), { recursive: true });
  const shipped = writeProductionTree(join(root, LIBRARY), papers.version);
  for (const [from, to] of Object.entries(FILES)) {
    cpSync(join(ROOT, from), join(root, to));
  }
  for (const [from, to] of Object.entries(COMPRESSED)) {
    put(root, to, gzipSync(readFileSync(join(ROOT, from)), { level: 9 }));
  }
  const license = readFileSync(join(ROOT, 'LICENSE'), 'utf8');
  put(root, `${DOCUMENTS}/copyright`, copyrightFile(license, shipped));
  put(root, `${DOCUMENTS}/changelog.gz`, gzipSync(changelogFile(papers), { level: 9 }));
  /* Both are installed in the system's folders. */
  for (const name of ['man', 'completions']) {
    rmSync(join(root, LIBRARY, 'dist', name), { recursive: true });
  }
  const runtime = join(ROOT, 'node_modules/node/bin/node');
  verifyRuntime(runtime);
  copyFileSync(runtime, join(root, LIBRARY, 'node'));
  const addons = filesIn(root).filter((name) => name.endsWith('.node'));
  strip([`${LIBRARY}/node`, ...addons].map((name) => join(root, name)));
  writeControl(root, papers);
}

/* Debug symbols, a tenth of the package, go where binutils is installed. */
function strip(binaries: readonly string[]): void {
  const { error, stderr } = spawnSync('strip', ['--strip-unneeded', ...binaries], {
    encoding: 'utf8',
  });
  process.stderr.write(
    error === undefined
      ? stderr
      : 'strip (binutils) is not installed: debug symbols stay in the package\n',
  );
}

function writeControl(root: string, papers: Papers): void {
  const files = filesIn(root);
  const sums = files
    .filter((name) => !CONFFILES.includes(name))
    .map((name) => `${hash('md5', readFileSync(join(root, name)))}  ${name}\n`);
  const bytes = files.reduce((total, name) => total + statSync(join(root, name)).size, 0);
  put(root, 'DEBIAN/md5sums', sums.join(''));
  put(root, 'DEBIAN/conffiles', CONFFILES.map((name) => `/${name}\n`).join(''));
  put(root, 'DEBIAN/control', controlFile(papers, Math.ceil(bytes / 1024)));
  for (const name of SCRIPTS) {
    put(root, `DEBIAN/${name}`, readFileSync(join(ROOT, 'src/packaging/debian', name)));
  }
}

function build(root: string, file: string, date: Date): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    chmodSync(path, MODES[relative(root, path)] ?? (isRunnable(path, entry) ? 0o755 : 0o644));
  }
  chmodSync(root, 0o755);
  for (const path of ['.', ...readdirSync(root, { recursive: true, encoding: 'utf8' })]) {
    lutimesSync(join(root, path), date, date);
  }
  const packing = values.fast ? ['-Zgzip', '-z1'] : ['-Zxz'];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(Math.floor(date.getTime() / 1000)) };
  const args = ['--root-owner-group', ...packing, '--build', root, file];
  execFileSync('dpkg-deb', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

function isRunnable(path: string, entry: Dirent): boolean {
  return entry.isDirectory() || readFileSync(path).subarray(0, 2).toString() === '#!';
}

function put(root: string, name: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}
