/** What alerts need to know of accounts and senders: the balance that is left, and which sender is suspended. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';

async function valueOf(bundle: Bundle, metric: string): Promise<number | null> {
  const text = await (await fetch(`${bundle.adminUrl()}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`sms_spoold_${metric} `));
  return line === undefined ? null : Number(line.split(' ').at(-1));
}

const BALANCE = 'account_balance_euros{account="main"}';

describe('the balance of an account', () => {
  it('the balance of an account is unknown before the first answer, and then what the latest answer said', async () => {
    const bundle = await setup();
    expect(await valueOf(bundle, BALANCE)).toBeNull();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const first = await valueOf(bundle, BALANCE);
    expect(first).toBeGreaterThan(99);
    expect(first).toBeLessThan(100);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(await valueOf(bundle, BALANCE)).toBeLessThan(Number(first));
  });

  it('the balance of an account is what the account says when it is asked, while nothing can be sent', async () => {
    const bundle = await setup({
      sandbox: { accounts: { sandbox1: { rate: null, balance: 0.001 } } },
    });
    bundle.drop();
    await bundle.until(() => bundle.account()['state'] === 'suspended');
    bundle.advance(130);
    await bundle.until(() => bundle.sandbox.ledger.counters.balanceRequests > 0);
    await expect.poll(() => valueOf(bundle, BALANCE)).toBe(0.001);
  });
});

describe('a sender', () => {
  it('a sender that is suspended is told apart from one that is paused', async () => {
    const bundle = await setup();
    for (let n = 10; n < 22; n += 1) bundle.drop({ recipient: `9991015000${n}`, sender: 'Other1' });
    await bundle.until(() => bundle.lines('sender.suspended').length > 0);
    bundle.drop({ sender: 'Third' });
    await bundle.ask({ verb: 'pause', account: 'main', sender: 'Third' });
    const of = (sender: string) => `{account="main",sender="${sender}"}`;
    expect(await valueOf(bundle, `sender_suspended${of('Other1')}`)).toBe(1);
    expect(await valueOf(bundle, `sender_suspended${of('Third')}`)).toBe(0);
    expect(await valueOf(bundle, `sender_stopped${of('Third')}`)).toBe(1);
  });
});
