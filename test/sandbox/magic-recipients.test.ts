import { expect, test } from 'vitest';
import { MAGIC_RECIPIENTS } from '../../src/sandbox/magic-recipients.ts';
import { MESSAGE, elements, post, setup, statuses } from './support.ts';

test('every documented pattern is twelve characters of the one layout', () => {
  for (const { pattern } of MAGIC_RECIPIENTS)
    expect(pattern).toMatch(/^999[1-9](VVV|SCC|\d{3})Ktttt$/);
});

test('the sandbox gives any status on demand, also those that nobody has listed', async () => {
  const { sandbox } = await setup();
  expect(await elements(sandbox, { to: '999100600001' })).toEqual([
    { to: '999100600001', status: '6', 'error-text': 'Unroutable message - rejected' },
  ]);
  for (const code of [2, 5, 10, 13, 21, 29, 33, 99, 101]) {
    const to = `9991${String(code).padStart(3, '0')}00001`;
    expect(await statuses(sandbox, { to })).toEqual([String(code)]);
  }
});

test('the sandbox gives the texts of a throttled sender, with and without the number', async () => {
  const { sandbox } = await setup();
  const [timed] = await elements(sandbox, { to: '999190100001' });
  expect(timed?.['error-text']).toBe('Throughput Rate Exceeded - please wait [ 250 ] and retry');
  const [untimed] = await elements(sandbox, { to: '999190200001' });
  expect(untimed?.['error-text']).toBe('Throughput Rate Exceeded - please wait and retry');
});

test('the sandbox refuses the first K times and accepts afterwards, for each recipient on its own', async () => {
  const { sandbox } = await setup();
  const to = '999100520001';
  expect(await statuses(sandbox, { to })).toEqual(['5']);
  expect(await statuses(sandbox, { to })).toEqual(['5']);
  expect(await statuses(sandbox, { to })).toEqual(['0']);
  expect(await statuses(sandbox, { to: '999100520002' })).toEqual(['5']);
});

test('the sandbox accepts in part: the first part and not the others, or the others and not the first', async () => {
  const { sandbox } = await setup();
  expect(await statuses(sandbox, { to: '999200900001' })).toEqual(['0', '9']);
  const long = 'a'.repeat(307);
  expect(await statuses(sandbox, { to: '999200100001', text: long })).toEqual(['0', '1', '1']);
  expect(await statuses(sandbox, { to: '999300100001', text: long })).toEqual(['1', '0', '0']);
  expect(sandbox.ledger.entries().map(({ parts, partsRefused }) => [parts, partsRefused])).toEqual([
    [1, 1],
    [1, 2],
    [2, 1],
  ]);
  expect(sandbox.ledger.counters).toMatchObject({ acceptedInPart: 3, acceptedParts: 4 });
});

test('the sandbox answers 429 with Retry-After and 503 without, and accepts neither', async () => {
  const { sandbox } = await setup();
  const busy = await post(sandbox, { ...MESSAGE, to: '999442900001' });
  expect([busy.httpStatus, busy.headers['retry-after']]).toEqual([429, '1']);
  const down = await post(sandbox, { ...MESSAGE, to: '999450300001' });
  expect([down.httpStatus, down.headers['retry-after']]).toEqual([503, undefined]);
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 0, notTaken: 2, faults: { http: 2 } });
});

test('the sandbox accepts and answers 500 all the same', async () => {
  const { sandbox } = await setup();
  expect((await post(sandbox, { ...MESSAGE, to: '999850000001' })).httpStatus).toBe(500);
  expect(sandbox.ledger.entries()).toMatchObject([{ to: '999850000001', isAnswered: false }]);
});

test('resets the connection once, having accepted or not, and answers the next time', async () => {
  const { sandbox } = await setup();
  const taken = { ...MESSAGE, to: '999600110001', 'client-ref': 'taken' };
  const lost = { ...MESSAGE, to: '999500110001', 'client-ref': 'lost' };
  await expect(post(sandbox, taken)).rejects.toThrow();
  await expect(post(sandbox, lost)).rejects.toThrow();
  expect((await post(sandbox, taken)).httpStatus).toBe(200);
  expect((await post(sandbox, lost)).httpStatus).toBe(200);
  const accepted = sandbox.ledger.entries().map((entry) => [entry.clientRef, entry.isAnswered]);
  expect(accepted).toEqual([
    ['taken', false],
    ['taken', true],
    ['lost', true],
  ]);
});

test('the sandbox takes its time when asked to', async () => {
  const { sandbox } = await setup();
  const startedAt = performance.now();
  expect(await statuses(sandbox, { to: '999700200001' })).toEqual(['0']);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
});

test('the sandbox leaves every other recipient alone', async () => {
  const { sandbox } = await setup();
  for (const to of ['999000600001', '999900600001', '99910060000', '9991006000011']) {
    expect(await statuses(sandbox, { to })).toEqual(['0']);
  }
});
