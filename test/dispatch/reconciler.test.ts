/** placeholder */
import { expect, it } from 'vitest';
import { Bench } from './setup.ts';
it('works', async () => {
  const bench = new Bench();
  const claim = bench.claimNew();
  bench.answer(claim);
  await bench.step();
  expect(bench.state(claim.id)).toBe('await-receipt');
  const b = bench.bring(bench.receipt(claim));
  expect(b.isStored).toBe(null);
  await bench.step();
  expect(b.isStored).toBe(true);
  expect(bench.state(claim.id)).toBe('delivered');
  console.log(bench.events(claim.id));
});
