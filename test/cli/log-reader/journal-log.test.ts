/** Lines to systemd's journal say their priority; lines to anywhere else are JSON and nothing else. */
import { fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isJournalStream, priorityMark } from '../../../src/log/journald.ts';
import { StatusLog } from '../../../src/log/status-log.ts';
import { makeFolder } from '../../support/spool.ts';

afterEach(() => {
  delete process.env['JOURNAL_STREAM'];
});

function setup(isJournal: boolean) {
  const folder = makeFolder();
  const [out, file] = [join(folder, 'out'), join(folder, 'status.log')];
  const fd = openSync(out, 'a');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  process.env['JOURNAL_STREAM'] = isJournal ? `${dev}:${ino}` : `${dev}:${ino + 1n}`;
  const log = new StatusLog({ level: 'debug', recipients: 'masked', file, fd });
  log.say('daemon.draining', { in_flight: 0 });
  log.say('daemon.warning', { warning: 'x' });
  log.say('daemon.failed', { error: 'x' });
  const linesOf = (path: string): readonly string[] =>
    readFileSync(path, 'utf8').trim().split('\n');
  return { out: linesOf(out), file: linesOf(file) };
}

const levelOf = (line: string): unknown => (JSON.parse(line) as { level: unknown }).level;

describe('the status log', () => {
  it('the status log marks lines with their priority where standard output leads to the journal', () => {
    const { out, file } = setup(true);
    expect(out.map((line) => line.slice(0, 3))).toEqual(['<6>', '<4>', '<3>']);
    expect(out.map((line) => line.slice(3))).toEqual(file);
    expect(file.map(levelOf)).toEqual(['info', 'warn', 'error']);
    expect(priorityMark(20)).toBe('<7>');
  });

  it('the status log marks none where it leads elsewhere', () => {
    const { out, file } = setup(false);
    expect(out).toEqual(file);
    expect(out.map(levelOf)).toEqual(['info', 'warn', 'error']);
  });

  it.each(['', '1:', 'a:b', '1:2:3', '99999999999:1'])(
    'the status log takes %j for no journal',
    (value) => {
      expect(isJournalStream(1, { JOURNAL_STREAM: value })).toBe(false);
    },
  );
});
