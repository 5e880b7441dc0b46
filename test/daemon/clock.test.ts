/** The wall clock is set while messages wait: waits take as long as they were meant to; what people wrote is obeyed. */
import { describe, expect, it } from 'vitest';
import { ClockWatch } from '../../src/dispatch/loop/clock-watch.ts';
import { setup, type Bundle } from '../support/daemon.ts';
import { NOW, setup as spoolSetup } from '../support/spool.ts';

const HOUR = 3_600;
/** Refused for now the first time, ordinary afterwards. */
const REFUSED_ONCE = '999100510001';
/** Accepted, and the connection reset before the answer: the first time only. */
const LOST_ANSWER = '999600110001';

/** The wall clock is set, and the daemon has noticed. */
async function set(bundle: Bundle, seconds: number): Promise<void> {
  const before = bundle.lines('daemon.clock-set').length;
  bundle.clock.set(seconds);
  bundle.advance(0);
  await bundle.until(() => bundle.lines('daemon.clock-set').length > before, 'daemon.clock-set');
}

async function turned(bundle: Bundle): Promise<void> {
  const before = bundle.turns();
  for (let turn = 1; turn <= 3; turn += 1) {
    bundle.advance(0);
    await bundle.until(() => bundle.turns() >= before + turn);
  }
}

describe.each([
  ['forward', HOUR],
  ['back', -HOUR],
])('the wall clock is set %s by an hour', (_way, seconds) => {
  it('the wall clock is set %s by an hour and a message that waits to be tried again goes after its wait, not before', async () => {
    const bundle = await setup({ retry: { firstDelayMs: 600_000, maxDelayMs: 600_000 } });
    const id = bundle.drop({ recipient: REFUSED_ONCE });
    await bundle.untilState(id, 'retry');
    await set(bundle, seconds);
    await turned(bundle);
    expect(bundle.attempts(id)).toHaveLength(1);
    bundle.advance(700);
    await bundle.untilState(id, 'await-receipt');
  });

  it('the wall clock is set %s by an hour and a message that nobody answered for is looked at after its wait, not before', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: LOST_ANSWER });
    await bundle.untilState(id, 'uncertain');
    await set(bundle, seconds);
    await turned(bundle);
    expect(bundle.attempts(id)).toHaveLength(1);
    bundle.advance(301);
    await bundle.until(() => bundle.attempts(id).length === 2);
  });

  it('the wall clock is set %s by an hour and a gateway that is down is tried again after its wait', async () => {
    const bundle = await setup();
    for (let tries = 1; tries <= 5; tries += 1) bundle.drop({ recipient: `99950010000${tries}` });
    await bundle.until(() => bundle.account()['state'] === 'suspended');
    await set(bundle, seconds);
    const id = bundle.drop();
    bundle.advance(301);
    await bundle.untilState(id, 'await-receipt');
  });

  it('the wall clock is set %s by an hour and a run of refusals goes on with its next probe after its wait, not before', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    for (let index = 0; index < 20; index += 1)
      bundle.drop({ recipient: `9991029000${10 + index}` });
    const refused = (): number => bundle.all('SELECT 1 FROM set_aside').length;
    await bundle.until(() => refused() === 1, 'the run');
    await set(bundle, seconds);
    const probeAt = Number(bundle.account()['next_probe_at']);
    expect(Math.abs(probeAt - bundle.clock.now())).toBeLessThan(60);
    bundle.advance(2);
    await bundle.until(() => refused() >= 2, 'the next probe');
  });
});

describe('the clock is set by days', () => {
  it('the clock is set by days and a message that waits for its receipt waits on', async () => {
    const bundle = await setup();
    const id = bundle.drop();
    await bundle.untilState(id, 'await-receipt');
    await set(bundle, 30 * 86_400);
    await turned(bundle);
    expect(bundle.message(id)['state']).toBe('await-receipt');
    bundle.advance(77 * HOUR);
    await bundle.untilState(id, 'unconfirmed');
  });
});

describe('what people wrote is an instant of the wall clock', () => {
  it('send_at comes when the clock that was set forward shows it', async () => {
    const bundle = await setup();
    const id = bundle.drop({ send_at: bundle.clock.now() + HOUR });
    await set(bundle, HOUR + 1);
    await bundle.untilState(id, 'await-receipt');
  });

  it('expires_at too', async () => {
    const bundle = await setup();
    await bundle.ask({ verb: 'pause', account: 'main' });
    const id = bundle.drop({ expires_at: bundle.clock.now() + HOUR });
    await set(bundle, HOUR + 1);
    await bundle.untilState(id, 'expired');
  });
});

describe('between two runs', () => {
  /** Clocks of one run, and what it says of steps. */
  function runOn(
    { spool, commit }: ReturnType<typeof spoolSetup>,
    clocks: { now: number; monotonicMs: number; boot: string },
  ): readonly object[] {
    const said: object[] = [];
    const steps = new ClockWatch({
      spool,
      queues: new Map(),
      clock: {
        now: () => clocks.now,
        monotonicMs: () => clocks.monotonicMs,
        boot: { id: clocks.boot, aheadMs: 0 },
      },
      log: { say: (_event, fields) => void said.push(fields) },
    });
    commit(() => steps.work());
    steps.committed();
    return said;
  }

  it('between two runs of one boot of the machine a step is known', () => {
    const bundle = spoolSetup();
    expect(runOn(bundle, { now: NOW, monotonicMs: 1_000, boot: 'a' })).toEqual([]);
    expect(runOn(bundle, { now: NOW - HOUR, monotonicMs: 61_000, boot: 'a' })).toEqual([
      { by_seconds: -HOUR - 60, waiting: 0 },
    ]);
    expect(runOn(bundle, { now: NOW - HOUR + 5, monotonicMs: 66_000, boot: 'a' })).toEqual([]);
  });

  it('between two runs of two boots nothing is known, and instants are believed as they are', () => {
    const bundle = spoolSetup();
    runOn(bundle, { now: NOW, monotonicMs: 1_000, boot: 'a' });
    expect(runOn(bundle, { now: NOW + HOUR, monotonicMs: 2_000, boot: 'b' })).toEqual([]);
  });
});
