/** What a step takes up: commits that nobody was told of yet, and whether it could wait for claims. */
import { expect, it } from 'vitest';
import { smuggle } from '../support/as-daemon.ts';
import { Bench } from './setup.ts';

it('claims what was committed just before it, ahead of bulk, though nobody was told of it', async () => {
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

it('may wait where outcomes are all that it would write', async () => {
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
