/** The -wal under programs that read all the time, or that never end. */
import { describe, expect, it, vi } from 'vitest';
import { LongWal } from '../../src/dispatch/long-wal.ts';
import { openSpool } from '../../src/spool/open.ts';
import { setup as spoolSetup } from '../support/spool.ts';

const MIB = 1024 ** 2;

/** A -wal of any size; `isFree` = nobody reads old data. */
function setup(size: number) {
  const wal = { size, isFree: false, tries: 0, truncate: (): boolean => false };
  wal.truncate = () => {
    wal.tries += 1;
    if (wal.isFree) wal.size = 0;
    return wal.isFree;
  };
  let nowMs = 0;
  const said: Readonly<Record<string, unknown>>[] = [];
  const onRelease = vi.fn();
  const longWal = new LongWal({
    ...{ wal, onRelease },
    clock: { now: () => 0, monotonicMs: () => nowMs },
    log: {
      say: (_level: string, event: string, details?: object) =>
        void said.push({ event, ...details }),
    },
    onFatal: (error) => {
      throw error;
    },
  });
  /** Looks when it is time, and waits for the end of what that begins. */
  const look = async (): Promise<void> => {
    while (!longWal.isDue) nowMs += 100;
    longWal.look();
    while (longWal.isHolding) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { wal, longWal, said, onRelease, look, passed: () => nowMs };
}

describe('a -wal', () => {
  it('that is short is left alone', async () => {
    const { wal, look } = setup(8 * MIB);
    await look();
    expect(wal.tries).toBe(0);
  });

  it('that is long is cut at once where nobody needs it', () => {
    const { wal, longWal, onRelease } = setup(64 * MIB);
    wal.isFree = true;
    longWal.look();
    expect(longWal.isHolding).toBe(false);
    expect(wal.size).toBe(0);
    expect(onRelease).not.toHaveBeenCalled();
  });

  it('has commits wait for those who read old data, and no longer than they do', async () => {
    const { wal, longWal, onRelease } = setup(64 * MIB);
    longWal.look();
    expect(longWal.isHolding).toBe(true);
    wal.isFree = true;
    await vi.waitFor(() => expect(onRelease).toHaveBeenCalledTimes(1), 20_000);
    expect(longWal.isHolding).toBe(false);
    expect(wal.size).toBe(0);
  });

  it('that a reader keeps is spoken of after a minute, once an hour, and looked at less and less', async () => {
    const { wal, said, look, passed, onRelease } = setup(64 * MIB);
    while (passed() < 20_000) await look();
    expect(said).toEqual([]);
    const looks = onRelease.mock.calls.length;
    expect(looks).toBeLessThan(10);
    while (passed() < 300_000) await look();
    expect(said).toMatchObject([{ event: 'daemon.warning', wal_bytes: 64 * MIB }]);
    expect(said[0]?.['remedy']).toContain('fuser');
    wal.isFree = true;
    await look();
    expect(wal.size).toBe(0);
  });

  it('is cut by SQLite when readers of old data have gone, though others read on', () => {
    const { path, spool, other } = spoolSetup();
    other.drop();
    const [old, young] = [1, 2].map(() => openSpool(path, { readonly: true }));
    const read = 'BEGIN; SELECT count(*) FROM messages';
    const begin = (db: typeof old): void => {
      db?.exec(read);
      db?.prepare('SELECT count(*) FROM messages').get();
    };
    begin(old);
    other.drop();
    expect(spool.wal.truncate()).toBe(false);
    old?.exec('COMMIT');
    expect(spool.wal.truncate()).toBe(true);
    begin(young);
    expect(spool.wal.size).toBe(0);
    old?.close();
    young?.close();
  });
});
