/**
 * Outages and mistakes in the configuration burn no backlog: attempts are given back, the account stops,
 * says once what to do, and goes on after the repair. One poison message fails alone.
 */
import { describe, expect, it } from 'vitest';
import type { SandboxChanges } from '../../src/sandbox/sandbox-options.ts';
import { KEY, setup, type Bundle } from '../support/daemon.ts';

const ROWS = 30;

function dropMany({ db, drop }: Bundle, count = ROWS): readonly number[] {
  return db.transaction(() =>
    Array.from({ length: count }, (_, index) => drop({ recipient: `4477009${10_000 + index}` })),
  )();
}

const reasons = ({ all }: Bundle): readonly unknown[] =>
  all(`SELECT DISTINCT state, attempts FROM messages`);

async function untilSuspended(bundle: Bundle, reason: string): Promise<void> {
  await bundle.until(() => bundle.account()['reason'] === reason, reason);
  await bundle.until(() => bundle.count('sending') === 0, 'rest');
}

const CASES: readonly {
  readonly what: string;
  readonly break: SandboxChanges;
  readonly repair: SandboxChanges;
  readonly reason: string;
}[] = [
  {
    what: 'wrong credentials',
    break: { accounts: { [KEY]: { secret: 'changed' } } },
    repair: { accounts: { [KEY]: { secret: 'sandbox-secret' } } },
    reason: 'invalid-credentials',
  },
  {
    what: 'a redirect',
    break: { chaos: 'redirect' },
    repair: { chaos: 'ok' },
    reason: 'http-302',
  },
  {
    what: 'a wrong address',
    break: { chaos: '404' },
    repair: { chaos: 'ok' },
    reason: 'http-404',
  },
  {
    what: 'a barred account',
    break: { chaos: { kind: 'code', code: 8 } },
    repair: { chaos: 'ok' },
    reason: 'account-barred',
  },
];

describe.each(CASES)('$what', ({ break: broken, repair, reason }) => {
  it('$what fails nothing, costs no attempt, and is over after the repair', async () => {
    const bundle = await setup();
    await bundle.sandbox.configure(broken);
    dropMany(bundle);
    await untilSuspended(bundle, reason);
    expect(reasons(bundle)).toEqual([{ state: 'queued', attempts: 0 }]);
    expect(bundle.account()).toMatchObject({ state: 'suspended', reason });
    await bundle.sandbox.configure(repair);
    bundle.advance(121);
    await bundle.until(() => bundle.count('await-receipt') === ROWS);
    expect(reasons(bundle)).toEqual([{ state: 'await-receipt', attempts: 1 }]);
    expect(bundle.lines('account.suspended')).toMatchObject([{ reason, level: 'error' }]);
    expect(bundle.lines('account.resumed')).toHaveLength(1);
    expect(bundle.account()).toMatchObject({ state: 'active', reason: null, next_probe_at: null });
  });
});

describe('a suspended account', () => {
  it('a suspended account is asked for its balance sparingly, sends nothing meanwhile, and says no more', async () => {
    const bundle = await setup();
    await bundle.sandbox.configure({ chaos: 'wrong-credentials' });
    dropMany(bundle);
    await untilSuspended(bundle, 'invalid-credentials');
    const { requests } = bundle.sandbox.ledger.counters;
    for (const [index, seconds] of [121, 241, 481].entries()) {
      bundle.advance(seconds);
      await bundle.until(() => bundle.sandbox.ledger.counters.balanceRequests === index + 1);
      const probe = (): number => Number(bundle.account()['next_probe_at']) - bundle.clock.now();
      await bundle.until(() => probe() > 0, 'the next probe');
      expect(probe()).toBeGreaterThan(seconds);
    }
    expect(bundle.sandbox.ledger.counters).toMatchObject({ requests, balanceRequests: 3 });
    expect(bundle.lines('account.suspended')).toHaveLength(1);
    expect(bundle.lines('account.suspended')[0]?.['remedy']).toContain('api_secret');
  });

  it('a suspended account tries one message at once when an operator resumes it', async () => {
    const bundle = await setup();
    await bundle.sandbox.configure({ chaos: 'wrong-credentials' });
    dropMany(bundle);
    await untilSuspended(bundle, 'invalid-credentials');
    const { requests } = bundle.sandbox.ledger.counters;
    expect(await bundle.ask({ verb: 'resume', account: 'main' })).toMatchObject({ affected: 1 });
    await bundle.until(() => bundle.sandbox.ledger.counters.requests === requests + 1);
    await untilSuspended(bundle, 'invalid-credentials');
    await bundle.sandbox.configure({ chaos: 'ok' });
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.until(() => bundle.count('await-receipt') === ROWS);
    expect(bundle.sandbox.ledger.counters.balanceRequests).toBe(0);
  });

  it('a suspended account is tried at once after a restart, by one message', async () => {
    const bundle = await setup();
    await bundle.sandbox.configure({ chaos: '404' });
    dropMany(bundle);
    await untilSuspended(bundle, 'http-404');
    await bundle.stop();
    const { requests } = bundle.sandbox.ledger.counters;
    await bundle.start();
    await bundle.until(() => bundle.sandbox.ledger.counters.requests > requests);
    await bundle.until(() => Number(bundle.account()['next_probe_at']) > bundle.clock.now() + 60);
    expect(bundle.sandbox.ledger.counters.requests).toBe(requests + 1);
    await bundle.stop();
    await bundle.sandbox.configure({ chaos: 'ok' });
    await bundle.start();
    await bundle.until(() => bundle.count('await-receipt') === ROWS);
    expect(reasons(bundle)).toEqual([{ state: 'await-receipt', attempts: 1 }]);
  });
});

describe('no credit', () => {
  it('no credit stops the account until the balance is above the price of a part', async () => {
    const accounts = { [KEY]: { rate: null, balance: 0.12, price: 0.05 } };
    const bundle = await setup({ sandbox: { accounts }, account: { concurrency: 2 } });
    dropMany(bundle, 10);
    await untilSuspended(bundle, 'quota-exceeded');
    expect(bundle.count('await-receipt')).toBe(2);
    const { requests } = bundle.sandbox.ledger.counters;
    bundle.advance(121);
    await bundle.until(() => bundle.sandbox.ledger.counters.balanceRequests === 1);
    await bundle.until(() => Number(bundle.account()['next_probe_at']) > bundle.clock.now());
    expect(bundle.sandbox.ledger.counters.requests).toBe(requests);
    await bundle.sandbox.configure({ accounts: { [KEY]: { balance: 10 } } });
    bundle.advance(241);
    await bundle.until(() => bundle.count('await-receipt') === 10);
    expect(reasons(bundle)).toEqual([{ state: 'await-receipt', attempts: 1 }]);
  });
});

describe.each([5, 13])('a storm of status %d', (code) => {
  it('a storm of status %d is the account’s trouble from the fifth recipient, and fails nothing', async () => {
    const bundle = await setup({ account: { concurrency: 1 }, retry: { firstDelayMs: 100 } });
    await bundle.sandbox.configure({ chaos: { kind: 'code', code } });
    dropMany(bundle);
    await bundle.until(() => bundle.account()['state'] === 'suspended');
    expect(bundle.all(`SELECT 1 FROM messages WHERE attempts > 0`)).toHaveLength(4);
    await bundle.sandbox.configure({ chaos: 'ok' });
    bundle.advance(3_600);
    await bundle.until(() => bundle.count('await-receipt') === ROWS);
    expect(bundle.count('permanent-failure')).toBe(0);
    const doubled = bundle.all(
      `SELECT 1 FROM attempts WHERE route = 'await-receipt' AND follows IS NOT NULL`,
    );
    expect(doubled.length).toBeGreaterThanOrEqual(5);
  });
});

describe('one poison message', () => {
  it('one poison message fails alone, as refused alone, and everything else is accepted', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    const poison = bundle.drop({ recipient: '999101100001', priority: 9 });
    dropMany(bundle);
    await untilSuspended(bundle, 'account-not-http');
    bundle.advance(121);
    await bundle.until(() => bundle.count('await-receipt') === ROWS);
    expect(await bundle.untilState(poison, 'permanent-failure')).toMatchObject({
      reason: 'refused-alone',
      status: 11,
    });
    expect(bundle.account()['state']).toBe('active');
    expect(bundle.lines('account.suspended')).toHaveLength(1);
  });

  it.each([
    ['a code nobody has listed', '999109900001', 'unknown-code-99', 3],
    ['HTTP 400', '999440000001', 'http-400', 3],
    ['status 5 for ever', '999100500001', 'internal-error', 8],
    ['a plain refusal', '999100600001', 'invalid-message', 1],
  ])(
    'one poison message of %s fails after its attempts',
    async (_what, recipient, reason, attempts) => {
      const bundle = await setup({ retry: { firstDelayMs: 1, maxDelayMs: 10 } });
      const id = bundle.drop({ recipient });
      const row = await bundle.untilState(id, 'permanent-failure');
      expect(row).toMatchObject({ reason, attempts });
      await bundle.untilState(bundle.drop(), 'await-receipt');
    },
  );
});

it('the same refusal of ten recipients is the sender’s trouble: the rest is kept', async () => {
  const bundle = await setup({ account: { concurrency: 1 } });
  const drop = (index: number): number =>
    bundle.drop({ recipient: `99910150${String(index).padStart(4, '0')}`, sender: 'Bad' });
  bundle.db.transaction(() => Array.from({ length: 15 }, (_, index) => drop(index)))();
  await bundle.until(() => bundle.lines('sender.suspended').length === 1);
  await bundle.untilState(bundle.drop(), 'await-receipt');
  expect([bundle.count('permanent-failure'), bundle.count('queued')]).toEqual([9, 6]);
  expect(bundle.all('SELECT account, sender, state, reason FROM senders')).toEqual([
    { account: 'main', sender: 'Bad', state: 'suspended', reason: 'invalid-sender' },
  ]);
});
