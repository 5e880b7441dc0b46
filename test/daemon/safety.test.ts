/** Limits of the operator's own, in the daemon: what waits, what is refused before it costs, what stops. */
import { describe, expect, it } from 'vitest';
import { SAME_TEXT, SENT_AT } from '../../src/spool/write/recent-sends.ts';
import { HELD_BACK } from '../../src/spool/write/move-rows.ts';
import { KEY, RECIPIENT, setup, type Bundle } from '../support/daemon.ts';

const HOUR = 3_600;
const DAY = 24 * HOUR;
const OTHER = '447700900001';

const requestsOf = ({ sandbox }: Bundle): number => sandbox.ledger.counters.requests;

const stateOf = ({ message }: Bundle, id: number): string => {
  const { state, reason, due_at: dueAt } = message(id);
  return `${String(state)} ${String(reason)}${dueAt === null ? '' : ' until'}`;
};

describe('messages to one recipient', () => {
  const limit = (messages: number, windowMs = HOUR * 1000) => ({
    safety: { perRecipient: { messages, windowMs } },
  });

  it('go in a window; the others wait, each in its turn, and nobody else does', async () => {
    const bundle = await setup({ ...limit(2), isStopped: true });
    const ids = [1, 2, 3, 4, 5].map((n) => bundle.drop({ text: `${n}` }));
    const plus = bundle.drop({ recipient: `+${RECIPIENT}` });
    const other = bundle.drop({ recipient: OTHER });
    await bundle.start();
    await bundle.untilState(other, 'await-receipt');
    await bundle.until(() => stateOf(bundle, plus) === 'queued recipient-limit until');
    const sent = (): readonly number[] =>
      ids.filter((id) => bundle.message(id)['state'] === 'await-receipt');
    await bundle.until(() => sent().length === 2);
    expect(sent()).toEqual(ids.slice(0, 2));
    expect(bundle.message(ids[2] ?? 0)).toMatchObject({
      ...{ state: 'queued', reason: 'recipient-limit', attempts: 0, last_attempt: 0 },
      next_attempt_at: expect.closeTo(bundle.clock.now() + HOUR, -2) as number,
    });
    bundle.advance(HOUR + 30);
    await bundle.until(() => sent().length === 4);
    expect(sent()).toEqual(ids.slice(0, 4));
    bundle.advance(HOUR + 30);
    await bundle.until(() => sent().length === 5);
    await bundle.untilState(plus, 'await-receipt');
    expect(requestsOf(bundle)).toBe(7);
    expect(bundle.fatal).toEqual([]);
  });

  it('messages to one recipient are counted over a restart', async () => {
    const bundle = await setup(limit(1));
    await bundle.untilState(bundle.drop(), 'await-receipt');
    await bundle.stop();
    await bundle.start();
    const second = bundle.drop();
    await bundle.until(() => stateOf(bundle, second) === 'queued recipient-limit until');
    await bundle.untilState(bundle.drop({ recipient: OTHER }), 'await-receipt');
  });

  it('messages to one recipient do not count one that was refused, nor one twice that is tried again', async () => {
    const bundle = await setup({ ...limit(1), retry: { firstDelayMs: 1_000 } });
    const barred = '999100700001';
    await bundle.untilState(bundle.drop({ recipient: barred }), 'permanent-failure');
    await bundle.untilState(bundle.drop({ recipient: barred }), 'permanent-failure');
    const again = bundle.drop({ recipient: '999100500001' });
    await bundle.untilState(again, 'retry');
    bundle.advance(30);
    await bundle.until(() => bundle.attempts(again).length === 2);
  });

  it('messages to one recipient that wait past their validity expire on time', async () => {
    const bundle = await setup(limit(1));
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const id = bundle.drop({ expires_at: bundle.clock.now() + 600 });
    await bundle.until(() => stateOf(bundle, id).startsWith('queued recipient-limit'));
    bundle.advance(601);
    await bundle.untilState(id, 'expired');
  });

  it('leave nothing behind once the limit is off', async () => {
    const bundle = await setup(limit(1));
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const id = bundle.drop();
    await bundle.until(() => stateOf(bundle, id).startsWith('queued recipient-limit'));
    await bundle.stop();
    await bundle.start({ safety: {} });
    await bundle.untilState(id, 'await-receipt');
  });
});

describe('an identical text to the same recipient', () => {
  const collapse = { safety: { collapseMs: 600_000 } };

  it('an identical text to the same recipient is refused within the time, before it costs an attempt; another text or recipient is not', async () => {
    const bundle = await setup(collapse);
    const first = bundle.drop({ text: 'Your code is 1' });
    await bundle.untilState(first, 'await-receipt');
    const again = bundle.drop({ text: 'Your code is 1', recipient: `+${RECIPIENT}` });
    const differs = bundle.drop({ text: 'Your code is 2' });
    const other = bundle.drop({ text: 'Your code is 1', recipient: OTHER });
    expect(await bundle.untilState(again, 'permanent-failure')).toMatchObject({
      ...{ reason: 'duplicate-text', attempts: 0, price: null },
    });
    await bundle.untilState(differs, 'await-receipt');
    await bundle.untilState(other, 'await-receipt');
    expect(requestsOf(bundle)).toBe(3);
    bundle.advance(601);
    await bundle.untilState(bundle.drop({ text: 'Your code is 1' }), 'await-receipt');
    expect(bundle.lines('message.permanent-failure')).toMatchObject([
      { id: again, reason: 'duplicate-text' },
    ]);
  });

  it('an identical text to the same recipient is refused when many wait at once: the first in turn goes', async () => {
    const bundle = await setup({ ...collapse, isStopped: true });
    const ids = Array.from({ length: 400 }, () => bundle.drop());
    const first = bundle.drop({ priority: 9 });
    await bundle.start();
    await bundle.until(() => bundle.count('permanent-failure') === ids.length);
    await bundle.untilState(first, 'await-receipt');
    expect(requestsOf(bundle)).toBe(1);
  });

  it('an identical text to the same recipient is known over a restart, and goes when the first was refused by the gateway', async () => {
    const bundle = await setup(collapse);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const barred = '999100700001';
    await bundle.untilState(bundle.drop({ recipient: barred }), 'permanent-failure');
    await bundle.stop();
    await bundle.start();
    await bundle.untilState(bundle.drop(), 'permanent-failure');
    const second = bundle.drop({ recipient: barred });
    await bundle.untilState(second, 'permanent-failure');
    expect(bundle.message(second)['reason']).not.toBe('duplicate-text');
  });

  it('an identical text to the same recipient that is sent again by an operator is no duplicate of itself', async () => {
    const bundle = await setup({ ...collapse, receipts: { expect: false } });
    const id = bundle.drop();
    await bundle.untilState(id, 'unconfirmed');
    expect(await bundle.ask({ verb: 'requeue', message_id: id })).toMatchObject({ affected: 1 });
    await bundle.until(() => bundle.attempts(id).length === 2);
  });

  it('an identical text to the same recipient is forgotten when nobody can ask for it any more', async () => {
    const bundle = await setup({ safety: { collapseMs: 1_000 } });
    const send = async (digit: number): Promise<void> => {
      const recipients = Array.from({ length: 20 }, (_, n) => `4477009${digit}00${10 + n}`);
      const ids = recipients.map((recipient) => bundle.drop({ recipient }));
      for (const id of ids) await bundle.untilState(id, 'await-receipt');
    };
    for (let digit = 1; digit <= 6; digit += 1) {
      await send(digit);
      bundle.advance(5);
    }
    expect(bundle.all('SELECT 1 FROM recent').length).toBeLessThanOrEqual(40);
  });
});

/** A zone where it is about noon, so that no midnight comes by chance. */
function noonZone(): string {
  const ahead = 12 - new Date().getUTCHours();
  return ahead === 0 ? 'UTC' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}

describe('an account that has spent enough', () => {
  const options = (spendPerDay: number) => ({
    sandbox: { accounts: { [KEY]: { rate: null, price: 0.1 } } },
    account: { concurrency: 1 },
    messages: { validityMs: 3 * DAY * 1000 },
    safety: { spendPerDay, zone: noonZone() },
  });
  const untilSpent = (bundle: Bundle): Promise<void> =>
    bundle.until(() => bundle.account()['reason'] === 'spend-limit', 'a suspension');
  const drop = (bundle: Bundle, count: number): void => {
    for (let n = 0; n < count; n += 1) bundle.drop();
  };

  it('an account that has spent enough is suspended until midnight, with its messages, and then spends as much again', async () => {
    const bundle = await setup(options(0.5));
    drop(bundle, 12);
    await untilSpent(bundle);
    await bundle.until(() => bundle.count('sending') === 0);
    expect(bundle.count('await-receipt')).toBe(5);
    expect(bundle.account()).toMatchObject({ state: 'suspended' });
    const midnight = Number(bundle.account()['next_probe_at']);
    expect(midnight - bundle.clock.now()).toBeGreaterThan(10 * HOUR);
    bundle.advance(midnight - bundle.clock.now() + 1);
    await bundle.until(() => bundle.count('await-receipt') === 10);
    await untilSpent(bundle);
    expect(bundle.count('queued')).toBe(2);
    expect(bundle.lines('account.suspended')).toHaveLength(2);
    expect(bundle.lines('account.resumed')).toHaveLength(1);
  });

  it('an account that has spent enough is not resumed by a control row, nor by a pause and a resume', async () => {
    const bundle = await setup(options(0.5));
    drop(bundle, 8);
    await untilSpent(bundle);
    await bundle.until(() => bundle.count('sending') === 0);
    const resume = { verb: 'resume', account: 'main' };
    expect(await bundle.ask(resume)).toMatchObject({ refused: 'spend-limit', affected: 0 });
    await bundle.ask({ verb: 'pause', account: 'main' });
    expect(await bundle.ask(resume)).toMatchObject({ refused: 'spend-limit' });
    expect(bundle.account()).toMatchObject({ state: 'suspended', reason: 'spend-limit' });
    await bundle.ask({ verb: 'pause', account: 'main', sender: 'AcmeInc' });
    await bundle.ask({ ...resume, sender: 'AcmeInc' });
    expect([bundle.count('await-receipt'), requestsOf(bundle)]).toEqual([5, 5]);
  });

  it('an account that has spent enough goes on after a start with a higher value', async () => {
    const bundle = await setup(options(0.5));
    drop(bundle, 8);
    await untilSpent(bundle);
    await bundle.stop();
    await bundle.start(options(50));
    await bundle.until(() => bundle.count('await-receipt') === 8);
  });

  it('an account that has spent enough has spent what the own folder says, whatever the spool shows', async () => {
    const bundle = await setup(options(0.5));
    drop(bundle, 8);
    await untilSpent(bundle);
    await bundle.until(() => bundle.count('sending') === 0);
    await bundle.stop();
    bundle.db.exec(`DELETE FROM events; UPDATE parts SET price = 0;
      UPDATE accounts SET state = 'active', reason = NULL, next_probe_at = NULL`);
    await bundle.start();
    await untilSpent(bundle);
    expect(await bundle.ask({ verb: 'resume', account: 'main' })).toMatchObject({
      refused: 'spend-limit',
    });
    expect(requestsOf(bundle)).toBe(5);
  });

  it('an account that has spent enough counts over a restart, and stays suspended over one', async () => {
    const bundle = await setup(options(0.5));
    drop(bundle, 4);
    await bundle.until(() => bundle.count('await-receipt') === 4);
    await bundle.stop();
    await bundle.start();
    drop(bundle, 3);
    await untilSpent(bundle);
    expect(bundle.count('await-receipt')).toBe(5);
    await bundle.stop();
    await bundle.start();
    await bundle.ask({ verb: 'cancel', message_id: 7 });
    await bundle.ask({ verb: 'cancel', message_id: 7 });
    await bundle.stop();
    expect(bundle.account()).toMatchObject({ state: 'suspended', reason: 'spend-limit' });
    expect(requestsOf(bundle)).toBe(5);
    await bundle.start({ safety: { spendPerDay: 1, zone: noonZone() } });
    await bundle.until(() => bundle.count('await-receipt') === 6);
    expect(bundle.fatal).toEqual([]);
  });
});

describe('an account with too little left', () => {
  it('an account with too little left is suspended before the gateway refuses, and goes on after a top-up', async () => {
    const accounts = { [KEY]: { rate: null, balance: 1, price: 0.1 } };
    const bundle = await setup({
      ...{ sandbox: { accounts }, account: { concurrency: 1 }, safety: { minBalance: 0.65 } },
    });
    for (let n = 0; n < 8; n += 1) bundle.drop();
    await bundle.until(() => bundle.account()['reason'] === 'low-balance', 'a suspension');
    await bundle.until(() => bundle.count('sending') === 0);
    expect(bundle.count('await-receipt')).toBe(4);
    bundle.advance(121);
    await bundle.until(() => bundle.sandbox.ledger.counters.balanceRequests === 1);
    await bundle.until(() => Number(bundle.account()['next_probe_at']) > bundle.clock.now());
    expect(requestsOf(bundle)).toBe(4);
    await bundle.sandbox.configure({ accounts: { [KEY]: { balance: 10 } } });
    bundle.advance(241);
    await bundle.until(() => bundle.count('await-receipt') === 8);
    expect(bundle.all(`SELECT 1 FROM attempts WHERE status <> 0`)).toEqual([]);
    expect(bundle.lines('account.suspended')).toHaveLength(1);
  });
});

describe('the plan of', () => {
  it.each([
    ['who was sent a text', SAME_TEXT, 'r USING PRIMARY KEY (recipient=? AND digest=?)'],
    ['what a recipient was sent', SENT_AT, 'r USING PRIMARY KEY (recipient=?)'],
    ['what is held back', HELD_BACK, 'USING INDEX messages_due (due_at>?)'],
  ])('%s seeks in its index', async (_what, sql, expected) => {
    const bundle = await setup({ safety: { collapseMs: 1_000 } });
    await bundle.untilState(bundle.drop(), 'await-receipt');
    const values = sql
      .split('?')
      .slice(1)
      .map(() => 1);
    const plan = bundle.all(`EXPLAIN QUERY PLAN ${sql}`, ...values).map((row) => row['detail']);
    expect(plan.join('\n')).toContain(expected);
  });

  it('nothing of this is asked or made where nothing is configured', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.all(`SELECT 1 FROM sqlite_master WHERE name = 'recent'`)).toEqual([]);
  });
});

describe('what may not be sent at all', () => {
  it.each<[string, Parameters<typeof setup>[0], Parameters<Bundle['drop']>[0]]>([
    [
      'a recipient outside of only_prefixes',
      { safety: { onlyPrefixes: ['4477', '1'] } },
      { recipient: '4915112345678' },
    ],
    [
      'however it is written',
      { safety: { onlyPrefixes: ['4477'] } },
      { recipient: '004915112345678' },
    ],
    [
      'a sender that only_senders does not name',
      { safety: { onlySenders: ['AcmeInc'] } },
      { sender: 'Other' },
    ],
    ['a text of more than max_parts', { safety: { maxParts: 2 } }, { text: 'x'.repeat(307) }],
    ['a binary message', { safety: { binary: false } }, { type: 'binary', body: '00ff' }],
  ])('what may not be sent at all is %s: it fails and nothing leaves', async (_what, over, row) => {
    const bundle = await setup(over);
    expect(await bundle.untilState(bundle.drop(row), 'permanent-failure')).toMatchObject({
      ...{ reason: 'not-allowed-here', attempts: 0 },
    });
    await bundle.untilState(bundle.drop({ recipient: `+${RECIPIENT}` }), 'await-receipt');
    expect(requestsOf(bundle)).toBe(1);
  });
});
