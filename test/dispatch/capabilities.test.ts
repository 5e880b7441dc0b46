/** The dispatcher asks nothing of a gateway that it cannot do. */
import { expect, it } from 'vitest';
import { Bench } from './setup.ts';

const BINARY = { type: 'binary', body: '00ff' } as const;

it('a binary message is refused, unclaimed, where the gateway takes none', async () => {
  const bench = new Bench({ capabilities: { binary: false } });
  const [text, binary] = [bench.drop({ text: 'x' }), bench.drop(BINARY)];
  expect(await bench.stepAndClaim()).toEqual([text]);
  expect(bench.message(binary)).toMatchObject({
    ...{ state: 'permanent-failure', reason: 'not-allowed-here', attempts: 0 },
  });
});

it('a binary message is claimed where the gateway takes them', async () => {
  const bench = new Bench();
  const binary = bench.drop(BINARY);
  expect(await bench.stepAndClaim()).toEqual([binary]);
});
