/** Steps: what one takes up, what it leaves behind when it is rolled back, and whether it could wait for claims. */
import { describe, expect, it } from 'vitest';
import { isFull } from '../../../src/spool/sql/spool-errors.ts';
import { smuggle } from '../../support/as-daemon.ts';
import { fill, mayMount, mount, skipped } from '../../support/full-disk.ts';
import { makeFolder } from '../../support/spool.ts';
import { Bench, receiptOf } from '../setup.ts';

/** It names nothing that the daemon knows, but has the form of a client-ref of its own. */
const UNMATCHED = receiptOf({ clientRef: `1.1.${'0'.repeat(20)}`, gatewayId: 'nobody-knows' });

/** All that was counted, logged or told, and is not on disk itself. */
function tracesOf({ counters, ignored, warnings, lines }: Bench): object {
  const entered = [...counters.entered].map(([{ sender }, states]) => [sender, { ...states }]);
  const { duplicates, failures, receipts } = counters;
  return {
    ...{ entered, duplicates, failures: failures.length, receipts: Object.fromEntries(receipts) },
    ...{ counted: Object.fromEntries(counters.ignored), codes: [...counters.codes].flat() },
    ...{ ignored: [...ignored], warnings: [...warnings], lines: [...lines] },
  };
}

it('a transaction claims what was committed just before it, ahead of bulk, though nobody was told of it', async () => {
  let isNews = false;
  const bench = new Bench({ takeNews: () => isNews });
  for (let row = 0; row < 40; row += 1) bench.drop();
  expect(await bench.stepAndClaim()).not.toEqual([]);
  const [unheard, urgent] = [bench.drop({ priority: 8 }), bench.drop({ priority: 9 })];
  const bulk = await bench.stepAndClaim();
  expect(bulk).not.toContain(urgent);
  expect(bulk).not.toContain(unheard);
  isNews = true;
  const [first] = await bench.stepAndClaim();
  expect(first).toBe(urgent);
});

it('a transaction may wait where outcomes are all that it would write', async () => {
  const bench = new Bench();
  const claim = bench.claimNew();
  expect(bench.hasOutcomesAlone).toBe(false);
  bench.answer(claim);
  expect(bench.hasOutcomesAlone).toBe(true);
  bench.bring(bench.receipt(claim));
  expect(bench.hasOutcomesAlone).toBe(false);
  await bench.step();
  expect(bench.hasOutcomesAlone).toBe(false);
});

it('a row whose instant is none is released although the step that did so was rolled back', async () => {
  const bench = new Bench({ takeNews: () => false });
  const id = smuggle(bench.other.db, { send_at: `'tomorrow'` });
  await bench.step();
  await bench.brokenStep();
  await bench.step();
  await bench.step();
  expect(bench.other.message(id)).toMatchObject({ state: 'queued', due_at: null });
});

describe('a step that is rolled back', () => {
  it('a step that is rolled back counts, logs and tells nothing; the one that commits does so once', async () => {
    const bench = new Bench();
    const [accepted, lost] = [bench.claimNew(), bench.claimNew()];
    bench.answer(accepted);
    await bench.step();
    bench.answer(lost);
    const settle = "UPDATE messages SET revision = revision + 1, state = 'uncertain' WHERE id = ?";
    bench.other.db.prepare(settle).run(lost.id);
    bench.drop({ account: 'nobody' });
    const brought = [bench.receipt(accepted), bench.receipt(accepted), UNMATCHED];
    const waiting = brought.map((receipt) => bench.bring(receipt));
    const before = tracesOf(bench);
    for (let count = 0; count < 3; count += 1) {
      bench.advance(1);
      await bench.brokenStep();
      expect(tracesOf(bench)).toEqual(before);
    }
    bench.advance(1);
    await bench.step();
    expect(waiting.map(({ isStored }) => isStored)).toEqual([true, true, true]);
    expect(bench.ignored).toEqual(['repeat', 'unmatched']);
    expect(bench.counters.ignored.get('repeat')).toBe(1);
    expect(bench.counters.ignored.get('unmatched')).toBe(1);
    expect(bench.counters.receipts.get('delivered')).toBe(1);
    expect(bench.warnings.map((line) => JSON.parse(line) as object)).toMatchObject([
      { event: 'message.claim-lost', id: lost.id, attempt: 1 },
    ]);
    expect(bench.lines.filter((line) => line.includes('"unknown-account"'))).toHaveLength(1);
  });

  it.skipIf(!mayMount)(
    `a step that is rolled back counts nothing on a full disk: an ignored receipt that is tried eight times counts once${skipped}`,
    async () => {
      const folder = makeFolder();
      expect(mount(folder)).toBe(true);
      const bench = new Bench({ folder });
      await bench.step();
      bench.other.db.pragma('wal_checkpoint(TRUNCATE)');
      const empty = fill(folder);
      const brought = bench.bring(UNMATCHED);
      for (let tries = 1; tries < 8; tries += 1) {
        const error = await bench.step().then(
          () => null,
          (thrown: unknown) => thrown,
        );
        expect(isFull(error)).toBe(true);
        expect([bench.ignored, bench.counters.ignored.get('unmatched')]).toEqual([[], 0]);
      }
      empty();
      await bench.step();
      expect(brought.isStored).toBe(true);
      expect([bench.ignored, bench.counters.ignored.get('unmatched')]).toEqual([['unmatched'], 1]);
      expect(bench.receipts()).toHaveLength(1);
    },
  );

  it('a step that is rolled back takes no permit of unmatched receipts: all that may be written at once are, after many tries', async () => {
    const bench = new Bench();
    const brought = Array.from({ length: 100 }, (_, index) =>
      bench.bring({ ...UNMATCHED, digest: String(index) }),
    );
    for (let tries = 0; tries < 20; tries += 1) await bench.brokenStep();
    await bench.step();
    expect(brought.every(({ isStored }) => isStored === true)).toBe(true);
    expect(bench.ignored).not.toContain('unmatched-too-fast');
  });
});
