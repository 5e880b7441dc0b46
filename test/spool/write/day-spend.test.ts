/** What accounts spent today, kept in the daemon's own folder: a real folder, and time that the test moves. */
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { join } from 'node:path';
import { DaySpend } from '../../../src/spool/write/day-spend.ts';
import { OwnFolder } from '../../../src/spool/file/own-folder.ts';
import { makeFolder } from '../../support/spool.ts';

const NOON = 1_790_000_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setup() {
  const folder = OwnFolder.open({ own: null, spool: join(makeFolder(), 'spool.db'), env: {} });
  const spent = new Map<string, { euros: number; at: number }>();
  let writes = 0;
  const trouble: unknown[] = [];
  const open = (write = folder.write.bind(folder)): DaySpend => {
    const kept = new DaySpend({
      folder: {
        read: (name) => folder.read(name),
        write: (...args) => {
          writes += 1;
          write(...args);
        },
      },
      spent: () => spent,
      onTrouble: (error) => trouble.push(error),
    });
    onTestFinished(() => kept.stop());
    return kept;
  };
  return { folder, spent, trouble, open, writes: () => writes };
}

it('the day’s spend is written at most once a second, and at a stop', () => {
  const { spent, open, writes } = setup();
  const kept = open();
  for (let n = 1; n <= 100; n += 1) {
    spent.set('main', { euros: n, at: NOON + n });
    vi.advanceTimersByTime(50);
  }
  expect(writes()).toBe(5);
  spent.set('main', { euros: 101, at: NOON + 101 });
  kept.stop();
  expect(writes()).toBe(6);
  expect(open().spentSince('main', NOON)).toBe(101);
});

it('nothing is written while nothing is spent, and what is of another day does not count', () => {
  const { spent, open, writes } = setup();
  const kept = open();
  vi.advanceTimersByTime(10_000);
  expect(writes()).toBe(0);
  spent.set('main', { euros: 3, at: NOON });
  vi.advanceTimersByTime(10_000);
  expect(writes()).toBe(1);
  expect([kept.spentSince('main', NOON - 1), kept.spentSince('main', NOON + 1)]).toEqual([3, 0]);
  expect(kept.spentSince('other', 0)).toBe(0);
});

it('a file that is broken counts as none, and a folder that cannot be written is said once', () => {
  const { folder, spent, trouble, open } = setup();
  folder.write('spend', '[["main", "much"], 7, {"a":');
  expect(open().spentSince('main', 0)).toBe(0);
  open(() => {
    throw new Error('no space left on device');
  });
  spent.set('main', { euros: 3, at: NOON });
  vi.advanceTimersByTime(5_000);
  expect(trouble).toHaveLength(1);
});
