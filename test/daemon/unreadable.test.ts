/** Answers that come and cannot be read: what the daemon does about their messages and their account. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle } from '../support/daemon.ts';

/** The sandbox answers HTTP 200 without JSON to these. */
const unreadable = (index: number): string => `9998200${String(index).padStart(5, '0')}`;

async function suspended(onUncertain: 'resend' | 'hold' = 'resend'): Promise<Bundle> {
  const bundle = await setup({
    account: { concurrency: 1 },
    messages: { onUncertain, uncertainAfterMs: 1_000 },
    receipts: { expect: false },
  });
  bundle.db.transaction(() => {
    for (let index = 0; index < 8; index += 1) bundle.drop({ recipient: unreadable(index) });
  })();
  await bundle.until(() => bundle.account()['state'] === 'suspended', 'the suspension');
  return bundle;
}

describe('from five recipients in a row whose answer cannot be read', () => {
  it('the account is suspended, and the remedy shows how the answer begins', async () => {
    const bundle = await suspended();
    expect(bundle.account()).toMatchObject({ reason: 'answer-unreadable' });
    expect(bundle.sandbox.ledger.counters.requests).toBe(5);
    expect([bundle.count('uncertain'), bundle.count('queued')]).toEqual([5, 3]);
    const [line] = bundle.lines('account.suspended');
    expect(line?.['remedy']).toContain('; the answer ');
    expect(bundle.attempts(1)[0]?.['error_text']).toContain('the answer ');
  });

  it('their messages are not sent again while it lasts, and go when it is over', async () => {
    const bundle = await suspended();
    for (let times = 0; times < 3; times += 1) {
      bundle.advance(20);
      await bundle.until(
        () =>
          bundle.all('SELECT 1 FROM messages WHERE due_at <= ?', bundle.clock.now()).length === 0,
      );
    }
    expect(bundle.count('uncertain')).toBe(5);
    expect(bundle.sandbox.ledger.counters.requests).toBe(5);
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 0 } });
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.until(() => bundle.account()['state'] === 'active');
    bundle.advance(120);
    await bundle.until(() => bundle.count('uncertain') === 0, 'the second sends');
  });

  it('a readable answer between them starts the count again', async () => {
    const bundle = await setup({ account: { concurrency: 1 } });
    for (let index = 0; index < 12; index += 1) {
      bundle.drop({ recipient: index % 4 === 3 ? '999100600001' : unreadable(index) });
      await bundle.until(() => bundle.count('queued') + bundle.count('sending') === 0);
    }
    expect(bundle.account()['state']).toBe('active');
  });
});
