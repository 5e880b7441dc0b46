/** A log file whose disk is full: the daemon goes on, and the lines are written when there is room again. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { StatusLog } from '../../src/log/status-log.ts';

/** A file system of 64 KiB; null = this user may not make one. */
function smallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', folder]));
  return folder;
}

it('the status log keeps the lines that a full disk refuses, and says so on standard output', (context) => {
  const folder = smallDisk();
  if (folder === null) context.skip('only root may mount a small disk');
  const disk = folder ?? '';
  const stdout = mkdtempSync(join(tmpdir(), 'sms-spoold-out-'));
  onTestFinished(() => rmSync(stdout, { recursive: true, force: true }));
  const out = join(stdout, 'out');
  const file = join(disk, 'status.log');
  const filler = join(disk, 'filler');
  writeFileSync(filler, 'x'.repeat(40_000));
  const log = new StatusLog({ level: 'info', recipients: 'masked', file, fd: openSync(out, 'a') });
  for (let index = 0; index < 300; index += 1) {
    log.say('daemon.reports-failed', { account: 'y'.repeat(60), reason: 'refused', count: index });
  }
  expect(readFileSync(out, 'utf8')).toContain('"daemon.log-unwritten"');
  rmSync(filler);
  log.say('daemon.stopped', {});
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const found = lines.map((line) => JSON.parse(line) as { event: string; count?: number });
  const indexes = found.flatMap(({ count }) => count ?? []);
  expect(indexes).toEqual(Array.from({ length: 300 }, (_, index) => index));
  expect(found.at(-1)?.event).toBe('daemon.stopped');
});
