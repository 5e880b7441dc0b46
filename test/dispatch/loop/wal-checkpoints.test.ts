/** The -wal under programs that read all the time, or that never end. */
import { describe, expect, it, vi } from 'vitest';
import { WalCheckpoints } from '../../../src/dispatch/loop/wal-checkpoints.ts';
import { openSpool } from '../../../src/spool/file/open.ts';
import { setup as spoolSetup } from '../../support/spool.ts';

const MIB = 1024 ** 2;

/** A -wal of any size; `isFree` = nobody reads old data. */
function setup(size: number) {
  const wal = {
    ...{ size, pages: 0, copied: 0, isFree: false, tries: 0, copies: 0 },
    copy: (): void => void (wal.copies += 1),
    truncate: (): boolean => false,
  };
  wal.truncate = () => {
    wal.tries += 1;
    if (wal.isFree) wal.size = 0;
    return wal.isFree;
  };
  /** One entry for each round that forgot something. */
  const forgotten: true[] = [];
  let nowMs = 0;
  const said: Readonly<Record<string, unknown>>[] = [];
  const onRelease = vi.fn();
  const checkpoints = new WalCheckpoints({
    ...{ wal, onRelease, spoolPath: '/spool/spool.db' },
    takeForgotten: () => forgotten.splice(0).length > 0,
    clock: { now: () => 0, monotonicMs: () => nowMs },
    log: {
      say: (event, fields) => void said.push({ event, ...fields }),
    },
    onFatal: (error) => {
      throw error;
    },
  });
  /** Looks until something comes of it or a minute has passed, and waits for the end of what begins. */
  const look = async (): Promise<void> => {
    const { tries } = wal;
    for (const until = nowMs + 60_000; wal.tries === tries && nowMs <= until; nowMs += 100) {
      checkpoints.look(false);
    }
    while (checkpoints.isHolding) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  /** The loop has nothing to do for so long. */
  const idle = (forMs: number): void => {
    for (const until = nowMs + forMs; nowMs < until; nowMs += 10) checkpoints.look(true);
  };
  /** Time passes and the -wal is looked at; commits that are held up are waited for. */
  const tick = async (forMs: number): Promise<void> => {
    for (const until = nowMs + forMs; nowMs < until; nowMs += 100) {
      checkpoints.look(false);
      while (checkpoints.isHolding) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  return { wal, checkpoints, said, onRelease, forgotten, look, idle, tick, passed: () => nowMs };
}

describe('while there is nothing to do, a -wal', () => {
  it('while there is nothing to do, a -wal of some length is copied, and again when it has grown by as much', () => {
    const { wal, idle } = setup(0);
    wal.pages = 200;
    idle(1_000);
    expect(wal.copies).toBe(0);
    wal.pages = 300;
    idle(1_000);
    expect(wal.copies).toBe(1);
    wal.pages = 500;
    idle(1_000);
    expect(wal.copies).toBe(1);
    wal.pages = 600;
    idle(1_000);
    expect(wal.copies).toBe(2);
  });

  it('while there is nothing to do, a -wal that was started again is copied when it is of some length again', () => {
    const { wal, idle } = setup(0);
    wal.pages = 900;
    idle(1_000);
    wal.pages = 20;
    idle(1_000);
    expect(wal.copies).toBe(1);
    wal.pages = 300;
    idle(1_000);
    expect(wal.copies).toBe(2);
  });

  it('while there is nothing to do, a -wal is counted twenty times a second at the most, and never while the loop is busy', () => {
    const { wal, checkpoints, idle } = setup(0);
    const counted = vi.fn(() => 0);
    Object.defineProperty(wal, 'pages', { get: counted });
    idle(1_000);
    expect(counted.mock.calls.length).toBeLessThanOrEqual(20);
    const calls = counted.mock.calls.length;
    for (let count = 0; count < 100; count += 1) checkpoints.look(false);
    expect(counted).toHaveBeenCalledTimes(calls);
  });

  it('while there is nothing to do, a -wal is copied whole, so that the next commit starts it again', () => {
    const { spool, other } = spoolSetup();
    for (let count = 0; count < 50; count += 1) other.drop();
    const before = spool.wal.pages;
    expect(before).toBeGreaterThan(50);
    spool.wal.copy();
    other.drop();
    expect(spool.wal.pages).toBeLessThan(before);
  });
});

describe('a -wal', () => {
  it('a -wal that is short is left alone', async () => {
    const { wal, look } = setup(8 * MIB);
    await look();
    expect(wal.tries).toBe(0);
  });

  it('a -wal that is long is cut at once where nobody needs it', () => {
    const { wal, checkpoints, onRelease } = setup(64 * MIB);
    wal.isFree = true;
    checkpoints.look(false);
    expect(checkpoints.isHolding).toBe(false);
    expect(wal.size).toBe(0);
    expect(onRelease).not.toHaveBeenCalled();
  });

  it('a -wal has commits wait for those who read old data, and no longer than they do', async () => {
    const { wal, checkpoints, onRelease } = setup(64 * MIB);
    checkpoints.look(false);
    expect(checkpoints.isHolding).toBe(true);
    wal.isFree = true;
    await vi.waitFor(() => expect(onRelease).toHaveBeenCalledTimes(1), 20_000);
    expect(checkpoints.isHolding).toBe(false);
    expect(wal.size).toBe(0);
  });

  it('a -wal that a reader holds for 10 s is reported with the command that finds it, and its end too', async () => {
    const { wal, said, tick } = setup(64 * MIB);
    await tick(9_000);
    expect(said).toEqual([]);
    await tick(3_000);
    expect(said).toMatchObject([{ event: 'daemon.wal-held', wal_bytes: 64 * MIB }]);
    expect(said[0]?.['remedy']).toContain(
      'sudo fuser -v /spool/spool.db /spool/spool.db-wal /spool/spool.db-shm',
    );
    await tick(300_000);
    expect(said).toHaveLength(1);
    wal.isFree = true;
    await tick(2_000);
    expect(wal.size).toBe(0);
    expect(said[1]).toMatchObject({ event: 'daemon.wal-released', wal_bytes: 0 });
  });

  it('a -wal is looked at each second, and holds up commits less and less often', async () => {
    const { wal, onRelease, look, passed } = setup(64 * MIB);
    while (passed() < 100_000) await look();
    expect(wal.tries).toBeGreaterThanOrEqual(90);
    expect(onRelease.mock.calls.length).toBeLessThan(10);
  });

  it('a -wal holds up commits again as soon as a reader of old data has gone', async () => {
    const { wal, checkpoints, look, passed } = setup(64 * MIB);
    while (passed() < 20_000) await look();
    wal.copied = 1_000;
    for (let looks = 0; looks < 20 && !checkpoints.isHolding; looks += 1) await look();
    expect(checkpoints.isHolding || wal.tries > 0).toBe(true);
    wal.isFree = true;
    await look();
    expect(wal.size).toBe(0);
  });

  it('a -wal is truncated by the first look after a long reader has ended', () => {
    const { path, spool, other } = spoolSetup();
    other.db.exec('CREATE TABLE filler (bytes BLOB)');
    const reader = openSpool(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM messages').get();
    const fill = other.db.prepare('INSERT INTO filler VALUES (randomblob(1048576))');
    for (let count = 0; count < 40; count += 1) fill.run();
    let nowMs = 0;
    const checkpoints = new WalCheckpoints({
      ...{ wal: spool.wal, spoolPath: path, log: { say: () => undefined } },
      clock: { now: () => 0, monotonicMs: () => nowMs },
      onRelease: () => undefined,
      takeForgotten: () => false,
      onFatal: (error) => {
        throw error;
      },
    });
    checkpoints.look(false);
    checkpoints.stop();
    expect(spool.wal.size).toBeGreaterThan(32 * MIB);
    reader.exec('COMMIT');
    nowMs += 1_000;
    checkpoints.look(false);
    expect(spool.wal.size).toBe(0);
    checkpoints.stop();
    reader.close();
  });

  it('a -wal is cut by SQLite when readers of old data have gone, though others read on', () => {
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

describe('after something was forgotten, a -wal', () => {
  it('after something was forgotten, a -wal is cut at once, and then at most once a minute', () => {
    const { wal, idle, forgotten } = setup(MIB);
    wal.isFree = true;
    idle(5_000);
    expect(wal.tries).toBe(0);
    forgotten.push(true);
    idle(100);
    expect(wal).toMatchObject({ tries: 1, size: 0 });
    for (let count = 0; count < 50; count += 1) {
      forgotten.push(true);
      idle(1_000);
    }
    expect(wal.tries).toBe(1);
    idle(11_000);
    expect(wal.tries).toBe(2);
  });

  it('after something was forgotten, a -wal is tried again soon where a reader is in the way', () => {
    const { wal, idle, forgotten } = setup(MIB);
    forgotten.push(true);
    idle(100);
    expect(wal.tries).toBe(1);
    wal.isFree = true;
    idle(5_000);
    expect(wal.size).toBe(0);
  });
});
