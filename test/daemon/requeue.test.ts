/** Sending again what had come to an end: from the start, and honest about what it may double. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';

const requeue = (bundle: Bundle, id: number): ReturnType<Bundle['ask']> =>
  bundle.ask({ verb: 'requeue', message_id: id });

const reasonsOf = ({ lines }: Bundle): readonly unknown[] =>
  lines('message.queued').map((line) => line['reason']);

describe('a message that was surely refused', () => {
  it('a message that was surely refused starts over, and is no duplicate', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: '999100610001' });
    await bundle.untilState(id, 'permanent-failure');
    expect(await requeue(bundle, id)).toMatchObject({ affected: 1, refused: null });
    expect(await bundle.untilState(id, 'await-receipt')).toMatchObject({ attempts: 1 });
    expect(bundle.attempts(id)).toMatchObject([
      { number: 1, follows: null },
      { number: 2, follows: null },
    ]);
    expect(reasonsOf(bundle)).toEqual(['requeued']);
  });

  it('a message that was surely refused has all its attempts again', async () => {
    const bundle = await setup({ retry: { maxAttempts: 2, firstDelayMs: 1 } });
    const id = bundle.drop({ recipient: '999101730001' });
    await bundle.untilState(id, 'permanent-failure');
    await requeue(bundle, id);
    await bundle.until(() => bundle.attempts(id).length === 2);
    expect(bundle.message(id)['restarted_at']).toBe(1);
  });
});

describe('a message that may have been accepted', () => {
  it('a message that may have been accepted is sent again, marked', async () => {
    const bundle = await setup({ receipts: { expect: false }, messages: { onUncertain: 'hold' } });
    const id = bundle.drop({ recipient: '999600110001' });
    await bundle.untilState(id, 'unconfirmed');
    await requeue(bundle, id);
    await bundle.until(() => bundle.attempts(id).length === 2);
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1 });
    expect(reasonsOf(bundle)).toEqual(['requeued-may-double']);
  });

  it('because the gateway failed inside is marked as well', async () => {
    const bundle = await setup({ retry: { maxAttempts: 1 } });
    const id = bundle.drop({ recipient: '999100510001' });
    await bundle.untilState(id, 'permanent-failure');
    await requeue(bundle, id);
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1 });
  });

  it('a message that may have been accepted is sent again while it is uncertain, when an operator says so', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: '999600110001' });
    await bundle.untilState(id, 'uncertain');
    expect(await requeue(bundle, id)).toMatchObject({ affected: 1 });
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.attempts(id)[1]).toMatchObject({ follows: 1 });
  });

  it('a message that may have been accepted may fail after it was requeued: the earlier attempt says no more', async () => {
    const bundle = await setup({ receipts: { expect: false }, messages: { onUncertain: 'hold' } });
    const id = bundle.drop({ recipient: '999600110001' });
    await bundle.untilState(id, 'unconfirmed');
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 6 } });
    await requeue(bundle, id);
    await bundle.untilState(id, 'permanent-failure');
  });
});

describe('a deadline that has passed', () => {
  it('a deadline that has passed becomes now and the validity', async () => {
    const bundle = await setup({ messages: { validityMs: 3_600_000 } });
    await bundle.ask({ verb: 'pause', account: 'main' });
    const own = bundle.drop({ expires_at: bundle.clock.now() + 60 });
    const byDefault = bundle.drop();
    bundle.advance(3_700);
    for (const id of [own, byDefault]) {
      await bundle.untilState(id, 'expired');
      await requeue(bundle, id);
      const left = Number(bundle.message(id)['expires_at']) - bundle.clock.now();
      expect(Math.abs(left - 3_600)).toBeLessThan(30);
    }
    await bundle.ask({ verb: 'resume', account: 'main' });
    for (const id of [own, byDefault]) await bundle.untilState(id, 'await-receipt');
  });
});

it('a cancelled message that is scheduled for later waits for its time', async () => {
  const bundle = await setup();
  const id = bundle.drop({ send_at: bundle.clock.now() + 3_600 });
  await bundle.ask({ verb: 'cancel', message_id: id });
  await requeue(bundle, id);
  await bundle.untilState(bundle.drop(), 'await-receipt');
  expect(bundle.message(id)).toMatchObject({ state: 'queued', attempts: 0 });
  bundle.advance(3_601);
  await bundle.untilState(id, 'await-receipt');
});

describe('a requeue is refused', () => {
  it.each([
    ['await-receipt', '447700900000'],
    ['retry', '999100500001'],
  ])('a requeue is refused for a message that is %s', async (state, recipient) => {
    const bundle = await setup();
    const id = bundle.drop({ recipient });
    await bundle.untilState(id, state);
    expect(await requeue(bundle, id)).toMatchObject({ affected: 0, refused: `it is ${state}` });
  });

  it.each(['999100610001', '+999100610001'])(
    'a requeue is refused for a suppressed recipient: %s',
    async (recipient) => {
      const bundle = await setup();
      const id = bundle.drop({ recipient });
      await bundle.untilState(id, 'permanent-failure');
      bundle.db.exec(`INSERT INTO suppressions (recipient, since) VALUES ('999100610001', 1)`);
      expect(await requeue(bundle, id)).toMatchObject({
        affected: 0,
        refused: 'its recipient is suppressed',
      });
      expect(bundle.message(id)['state']).toBe('permanent-failure');
    },
  );
});

it('a campaign is requeued as far as it may be', async () => {
  const bundle = await setup();
  const failed = [1, 2, 3].map((n) => bundle.drop({ recipient: `99910061000${n}`, campaign: 'c' }));
  const accepted = bundle.drop({ campaign: 'c' });
  for (const id of failed) await bundle.untilState(id, 'permanent-failure');
  await bundle.untilState(accepted, 'await-receipt');
  expect(await bundle.ask({ verb: 'requeue', campaign: 'c' })).toMatchObject({ affected: 3 });
  await bundle.until(() => bundle.count('await-receipt') === 4);
  expect(bundle.attempts(accepted)).toHaveLength(1);
});
