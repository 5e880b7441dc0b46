/**
 * A daemon whose log is rotated while it writes: what was written, over all its files, held against what the
 * spool says was committed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** What became of the lines. */
export interface Kept {
  readonly files: number;
  /** Lines with a `seq`, and those that are no whole line. */
  readonly lines: number;
  readonly cut: number;
  /** Events without a line, and lines that came twice. */
  readonly lost: number;
  readonly twice: number;
}

/** Of the events 1 to `last`. */
export function keptIn(folder: string, last: number): Kept {
  const names = readdirSync(folder).filter((name) => name.startsWith('status.log'));
  const seen = new Map<number, number>();
  let cut = 0;
  for (const name of names) {
    const bytes = readFileSync(join(folder, name));
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
    const lines = text.split('\n');
    if (lines.pop() !== '') cut += 1;
    for (const line of lines) {
      const seq = seqOf(line);
      if (seq === 'cut') cut += 1;
      else if (seq !== null) seen.set(seq, (seen.get(seq) ?? 0) + 1);
    }
  }
  let lost = 0;
  for (let seq = 1; seq <= last; seq += 1) if (!seen.has(seq)) lost += 1;
  const all = [...seen.values()].reduce((sum, count) => sum + count, 0);
  return { files: names.length, lines: all, cut, lost, twice: all - seen.size };
}

function seqOf(line: string): number | 'cut' | null {
  try {
    const { seq } = JSON.parse(line) as { readonly seq?: number };
    return seq ?? null;
  } catch {
    return 'cut';
  }
}

/** As logrotate does it, without it. */
export function rename(folder: string, number: number): void {
  const path = join(folder, 'status.log');
  if (existsSync(path)) renameSync(path, `${path}.${number}`);
}

/**
 * Writes a configuration with the directives that we ship, and further ones; `pid` is told when the file was
 * renamed (null = nobody is).
 */
export function writeLogrotate(folder: string, pid: number | null, more = ''): string {
  const config = join(folder, 'logrotate.conf');
  const text = `${join(folder, 'status.log')} {
  size 1
  rotate 100
  compress
  delaycompress
  missingok
  notifempty
  nocreate
  sharedscripts
  postrotate
    ${pid === null ? 'true' : `kill -HUP ${pid}`}
  endscript
  ${more}
}
`;
  writeFileSync(config, text, { mode: 0o644 });
  return config;
}

/** Whether logrotate is there. */
export function hasLogrotate(): boolean {
  try {
    execFileSync('logrotate', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function logrotate(folder: string, config: string): void {
  execFileSync('logrotate', ['--force', '--state', join(folder, 'state'), config]);
}
