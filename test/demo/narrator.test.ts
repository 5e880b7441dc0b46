import { describe, expect, test } from 'vitest';
import { Narrator } from '../../src/demo/narrator.ts';

function setup() {
  let nowMs = 1_000;
  let told = '';
  const narrator = new Narrator(
    (lines) => (told += lines),
    () => nowMs,
  );
  return {
    log: (...entries: readonly object[]) =>
      narrator.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')),
    tick: (waitedMs: number) => {
      nowMs += waitedMs;
      narrator.tick(() => '2 left: 2 scheduled');
    },
    lines: () => told.split('\n').slice(0, -1),
  };
}

const accepted = (id: number, reference: string) => ({
  event: 'message.await-receipt',
  id,
  reference,
  recipient: '4477…101',
  from: 'sending',
  to: 'await-receipt',
  reason: 'accepted',
  attempt: 1,
  gateway_ms: 12,
});

describe('the narrator', () => {
  test('tells who, from where to where, why, which attempt and how long', () => {
    const { log, lines } = setup();
    log({ ...accepted(7, 'order-7'), attempt: 2, parts: 3 });
    expect(lines()[0]).toBe(
      ' 0.0   #7 order-7  4477…101 sending → await-receipt 2nd accepted ×3 12ms',
    );
  });

  test('explains what happens for the first time, once', () => {
    const { log, lines } = setup();
    log(accepted(1, 'order-1'), accepted(2, 'order-2'));
    expect(lines().filter((line) => line.includes('└'))).toHaveLength(1);
    expect(lines()).toHaveLength(3);
  });

  test('keeps within 80 columns for the longest words there are', () => {
    const { log, lines } = setup();
    const longest = { ...accepted(999, 'retry-99-and-more'), to: 'permanent-failure', attempt: 3 };
    log({ ...longest, event: 'message.permanent-failure', reason: 'unknown-code-99' });
    expect(lines()[0]?.length).toBeLessThanOrEqual(80);
  });

  test('counts the backlog by the second instead of telling each', () => {
    const { log, tick, lines } = setup();
    log(...Array.from({ length: 30 }, (_, index) => accepted(index, `news-${index}`)));
    const before = lines().length;
    tick(999);
    expect(lines()).toHaveLength(before);
    tick(1);
    expect(lines().at(-1)).toBe(' 1.0 28 more of the newsletter accepted');
  });

  test('says what is waited for when nothing happens, and not before', () => {
    const { log, tick, lines } = setup();
    log({ event: 'daemon.ready' });
    tick(1_900);
    expect(lines()).toHaveLength(1);
    tick(100);
    tick(1_900);
    expect(lines().slice(1)).toEqual([' 2.0 … 2 left: 2 scheduled']);
  });

  test('says which lane waits, for how long, and what to do about one that is shut', () => {
    const { log, lines } = setup();
    log({ event: 'sender.throttled', account: 'main', sender: '12015550199', wait_ms: 991 });
    log({ event: 'account.suspended', account: 'main', reason: 'http-401', remedy: 'correct it' });
    expect(lines()).toEqual([
      ' 0.0 sender 12015550199 throttled: the gateway asks it to wait 991 ms',
      ' 0.0 account main suspended: http-401; correct it',
    ]);
  });
});
