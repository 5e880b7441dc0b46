/**
 * A kill between a commit and its line: the line is written at the next start, from `events`, and says when it
 * happened. After a drain there is nothing to write again.
 */
import { describe, expect, it } from 'vitest';
import { Trial } from './trial.ts';
import type { Line } from './program.ts';

const MESSAGES = 20;

function seqsIn(lines: readonly Line[]): readonly number[] {
  return lines.flatMap(({ seq }) => seq ?? []);
}

const isLate = (line: Line): boolean => 'at' in line;

describe('the status log', () => {
  it.each(['settle.commit.after', 'log.after'] as const)(
    'the status log has a line for every event after a kill at %s',
    async (point) => {
      await using trial = await Trial.begin({ messages: MESSAGES });
      const { lines, lastSeq } = await trial.crash({ point, count: 7 });
      const written = seqsIn(lines);
      const isCut = point === 'settle.commit.after';
      expect(written.at(-1) ?? 0)[isCut ? 'toBeLessThan' : 'toBe'](lastSeq);
      const next = trial.start();
      await next.line(({ event }) => event === 'daemon.ready');
      const late = next.lines.filter(isLate);
      expect(seqsIn(late).at(-1)).toBe(lastSeq);
      const all = new Set([...written, ...seqsIn(late)]);
      expect([...all].sort((a, b) => a - b)).toEqual(
        Array.from({ length: lastSeq }, (_, index) => index + 1),
      );
      const said = { account: 'main', sender: 'AcmeInc', from: 'sending', to: 'await-receipt' };
      expect(late[0]).toMatchObject({ ...said, reason: 'accepted', status: 0, parts: 1 });
      expect(late[0]).toHaveProperty('recipient', expect.stringMatching(/^4477…\d{3}$/));
      next.kill('SIGTERM');
      await next.end();
    },
  );

  it('the status log writes nothing again after a drain', async () => {
    await using trial = await Trial.begin({ messages: MESSAGES });
    const first = trial.start();
    await trial.until(first, ['await-receipt']);
    first.kill('SIGTERM');
    expect(await first.end()).toMatchObject({ code: 0 });
    const next = trial.start();
    await next.line(({ event }) => event === 'daemon.ready');
    expect(next.lines.filter(isLate)).toEqual([]);
  });
});
