/**
 * `npm run build`: makes dist/ from src/, with the manual page and the completions, and nothing else in it.
 *
 * Always holds: a file of dist/ is complete at every moment, since it is written elsewhere and renamed, and an
 * unchanged file is not touched. So a test that runs meanwhile sees the old program or the new one. Files without a
 * source are removed last.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { writeDocuments } from './documents.ts';
import { filesIn, ROOT } from './checkout.ts';

const DIST = join(ROOT, 'dist');

/* In the checkout, so that a rename stays within one file system. */
const fresh = mkdtempSync(join(ROOT, '.dist-'));
try {
  compile(fresh);
  await writeDocuments(fresh);
  chmodSync(join(fresh, 'main.js'), 0o755);
  replace(fresh, DIST);
} finally {
  rmSync(fresh, { recursive: true });
}

function compile(folder: string): void {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', folder];
  try {
    execFileSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  } catch {
    /* The compiler has printed the errors. */
    rmSync(folder, { recursive: true });
    process.exit(1);
  }
}

function replace(from: string, to: string): void {
  const made = filesIn(from);
  for (const name of made) {
    const [source, target] = [join(from, name), join(to, name)];
    if (existsSync(target) && readFileSync(target).equals(readFileSync(source))) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(source, target);
  }
  const wanted = new Set(made);
  for (const name of filesIn(to)) {
    if (!wanted.has(name)) rmSync(join(to, name));
  }
  removeEmpty(to);
}

function removeEmpty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    removeEmpty(path);
    if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
  }
}
