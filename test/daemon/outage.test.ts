/** A gateway that is down: few attempts end uncertain, none fails, and all is accepted in the end. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';

function dropMany({ db, drop }: Bundle, count: number): void {
  db.transaction(() => {
    for (let index = 0; index < count; index += 1) drop({ recipient: `4477009${10_000 + index}` });
  })();
}

const uncertainAttempts = ({ all }: Bundle): number =>
  all(`SELECT 1 FROM attempts WHERE route = 'uncertain'`).length;

/** Time passes for the daemon from probe to probe; for the sandbox it is real. */
async function untilWell(bundle: Bundle): Promise<void> {
  await bundle.until(() => {
    const { state, next_probe_at: at } = bundle.account();
    if (state === 'suspended' && Number(at) > bundle.clock.now()) {
      bundle.advance(Number(at) - bundle.clock.now());
    }
    return bundle.lines('account.resumed').length > 0;
  }, 'the end of the outage');
}

describe('503 and then refused connections', () => {
  it('leave at most 11 + concurrency attempts uncertain, and everything accepted', async () => {
    const concurrency = 10;
    const rows = 300;
    const bundle = await setup({ account: { rate: 200, concurrency } });
    dropMany(bundle, rows);
    await bundle.until(() => bundle.count('await-receipt') > 20);
    await bundle.sandbox.configure({ chaos: { kind: 'http', status: 503 } });
    await bundle.until(() => bundle.account()['reason'] === 'gateway-down');
    for (const seconds of [1.1, 2.1, 4.1]) {
      const { requests } = bundle.sandbox.ledger.counters;
      bundle.advance(seconds);
      await bundle.until(() => bundle.sandbox.ledger.counters.requests > requests, 'a probe');
      await bundle.until(() => Number(bundle.account()['next_probe_at']) > bundle.clock.now());
    }
    expect(bundle.account()).toMatchObject({ state: 'suspended', reason: 'gateway-down' });
    await bundle.sandbox.configure({ chaos: { kind: 'refuse', forMs: 300 } });
    await untilWell(bundle);
    await bundle.until(() => bundle.count('await-receipt') + bundle.count('uncertain') === rows);
    expect(uncertainAttempts(bundle)).toBeLessThanOrEqual(11 + concurrency);
    expect(bundle.sandbox.ledger.counters.balanceRequests).toBe(0);
    bundle.advance(301);
    await bundle.until(() => bundle.count('await-receipt') === rows);
    expect(bundle.lines('account.suspended')).toHaveLength(1);
    expect(bundle.lines('account.resumed')).toHaveLength(1);
  });
});

describe('connections that are refused', () => {
  it('leave nothing uncertain and cost no attempt', async () => {
    const bundle = await setup({ isStopped: true });
    await bundle.sandbox.configure({ chaos: { kind: 'refuse', forMs: 400 } });
    dropMany(bundle, 50);
    await bundle.start();
    await bundle.until(() => bundle.account()['reason'] === 'gateway-down');
    expect(bundle.all('SELECT DISTINCT state, attempts FROM messages')).toEqual([
      { state: 'queued', attempts: 0 },
    ]);
    await untilWell(bundle);
    await bundle.until(() => bundle.count('await-receipt') === 50);
    expect(uncertainAttempts(bundle)).toBe(0);
    expect(bundle.all('SELECT DISTINCT attempts FROM messages')).toEqual([{ attempts: 1 }]);
    const never = bundle.all(
      `SELECT DISTINCT scope, status, http_status FROM attempts WHERE route = 'retry'`,
    );
    expect(never).toEqual([{ scope: 'account', status: null, http_status: null }]);
  });
});

describe('a gateway that accepts and does not answer', () => {
  it('a gateway that accepts and does not answer is stopped after few, and what it accepted is confessed as possible duplicates', async () => {
    const bundle = await setup({ account: { concurrency: 2 } });
    await bundle.sandbox.configure({ chaos: { kind: 'reset', accept: true } });
    dropMany(bundle, 40);
    await bundle.until(() => bundle.account()['reason'] === 'gateway-down');
    await bundle.until(() => bundle.count('sending') === 0);
    const uncertain = bundle.count('uncertain');
    expect(uncertain).toBeGreaterThanOrEqual(5);
    expect(uncertain).toBeLessThanOrEqual(7);
    expect(bundle.sandbox.ledger.counters.acceptedUnanswered).toBe(uncertain);
    await bundle.sandbox.configure({ chaos: 'ok' });
    await untilWell(bundle);
    bundle.advance(301);
    await bundle.until(() => bundle.count('await-receipt') === 40);
    const marked = bundle.all(`SELECT 1 FROM attempts WHERE follows IS NOT NULL`).length;
    expect(bundle.sandbox.ledger.counters.accepted - 40).toBe(marked);
    expect(marked).toBe(uncertainAttempts(bundle));
  });
});

it('an outage outlasts a restart: the gateway is tried by one message', async () => {
  const bundle = await setup();
  await bundle.sandbox.configure({ chaos: '503' });
  dropMany(bundle, 40);
  await bundle.until(() => bundle.account()['reason'] === 'gateway-down');
  await bundle.stop();
  const { requests } = bundle.sandbox.ledger.counters;
  await bundle.start();
  await bundle.until(() => bundle.sandbox.ledger.counters.requests === requests + 1);
  await bundle.until(() => Number(bundle.account()['next_probe_at']) > bundle.clock.now());
  await bundle.sandbox.configure({ chaos: 'ok' });
  await untilWell(bundle);
  bundle.advance(301);
  await bundle.until(() => bundle.count('await-receipt') === 40);
});
