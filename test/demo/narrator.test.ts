/** What a reader of the demo is told, line by line, from lines of the status log. */
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
    say: (text: string) => narrator.say('gateway', text),
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

const delivered = (id: number, reference: string) => ({
  event: 'message.delivered',
  id,
  reference,
  recipient: '4477…101',
  from: 'await-receipt',
  to: 'delivered',
  reason: 'receipt-delivered',
  attempt: 1,
});

const LONGEST = [
  { ...accepted(999, 'retry-99-and-more'), to: 'permanent-failure', reason: 'unknown-code-99' },
  { ...delivered(999, 'away'), to: 'undelivered', reason: 'absent-subscriber-temporary' },
  { ...accepted(999, 'in-part'), reason: 'accepted-in-part', parts: 12, gateway_ms: 1_999 },
];

describe('the narrator', () => {
  test('the narrator tells from where to where, why, which attempt and how long', () => {
    const { log, lines } = setup();
    log({ ...accepted(7, 'order-7'), attempt: 2, parts: 3 });
    expect(lines()[0]).toBe(' 0.0   #7 order-7  sending → await-receipt     2nd accepted ×3 12ms');
  });

  test('the narrator explains what happens for the first time, once', () => {
    const { log, lines } = setup();
    log(accepted(1, 'order-1'), accepted(2, 'order-2'));
    expect(lines().filter((line) => line.includes('└'))).toHaveLength(1);
    expect(lines()).toHaveLength(3);
  });

  test.each(LONGEST)(
    'the narrator keeps within 80 columns for the longest words there are',
    (entry) => {
      const { log, lines } = setup();
      log({ ...entry, event: `message.${entry.to}`, attempt: 3 });
      expect(lines()[0]).toContain(entry.reason);
      expect(lines()[0]?.length).toBeLessThanOrEqual(80);
    },
  );

  test('the narrator counts ordinary messages by the second instead of telling each', () => {
    const { log, tick, lines } = setup();
    const ids = Array.from({ length: 30 }, (_, index) => index);
    log(...ids.map((id) => accepted(id, `news-${id}`)));
    log(...ids.map((id) => delivered(id, id % 2 === 0 ? `order-${id}` : `limit-${id}`)));
    const before = lines().length;
    tick(999);
    expect(lines()).toHaveLength(before);
    tick(1);
    expect(lines().at(-1)).toBe(' 1.0 ordinary messages: 28 accepted, 28 delivered');
  });

  test('the narrator counts the last ordinary messages before the daemon leaves', () => {
    const { log, lines } = setup();
    log(...[1, 2, 3].map((id) => delivered(id, `news-${id}`)), { event: 'daemon.draining' });
    expect(lines().slice(-2)).toEqual([
      ' 0.0 ordinary messages: 1 delivered',
      ' 0.0 daemon draining',
    ]);
  });

  test('the narrator tells every message that is not ordinary, or did not go as it should', () => {
    const { log, lines } = setup();
    log(...[1, 2, 3].map((id) => delivered(id, `news-${id}`)));
    const before = lines().length;
    log(delivered(4, 'long'), { ...delivered(5, 'order-5'), attempt: 2 });
    log({ ...delivered(6, 'order-6'), from: 'uncertain' });
    expect(lines().slice(before, -1)).toEqual([
      ' 0.0   #4 long     await-receipt → delivered   receipt-delivered',
      ' 0.0   #5 order-5  await-receipt → delivered   receipt-delivered',
      ' 0.0   #6 order-6  uncertain → delivered       receipt-delivered',
    ]);
  });

  test('the narrator explains a delivery otherwise where it settles what was uncertain', () => {
    const { log, lines } = setup();
    log(delivered(1, 'long'), { ...delivered(2, 'lost-1'), from: 'uncertain' });
    expect(lines().slice(2)).toEqual([
      ' 0.0   #2 lost-1   uncertain → delivered       receipt-delivered',
      '     └ settled by its receipt: accepted after all, no second send',
    ]);
  });

  test('the narrator names a duplicate, which moves nothing', () => {
    const { log, lines } = setup();
    const doubled = { from: 'delivered', reason: 'accepted-twice', attempt: undefined };
    log({ ...delivered(3, 'late'), ...doubled, event: 'message.duplicate' });
    expect(lines()[0]).toBe(' 0.0   #3 late     duplicate                   accepted-twice');
  });

  test('the narrator says what is waited for when nothing happens, and not before', () => {
    const { log, tick, lines } = setup();
    log({ event: 'daemon.ready' });
    tick(1_900);
    expect(lines()).toHaveLength(1);
    tick(100);
    tick(1_900);
    expect(lines().slice(1)).toEqual([' 2.0 … 2 left: 2 scheduled']);
  });

  test('the narrator says which lane waits, for how long, and what to do about one that is shut', () => {
    const { log, say, lines } = setup();
    log({ event: 'sender.throttled', account: 'main', sender: '12015550199', wait_ms: 991 });
    log({ event: 'account.suspended', account: 'main', reason: 'http-401', remedy: 'correct it' });
    say('receipts go there');
    expect(lines()).toEqual([
      ' 0.0 sender 12015550199 throttled: the gateway asks it to wait 991 ms',
      ' 0.0 account main suspended: http-401; correct it',
      ' 0.0 gateway: receipts go there',
    ]);
  });
});
