/** Rates with windows longer than a second, in the daemon: waited for, kept over restarts and crashes, shown. */
import { describe, expect, it } from 'vitest';
import {
  nestedRulesOf,
  type NestedRules,
  type RateRule,
} from '../../src/core/window/rate-limits.ts';
import { usageWindowsOf } from '../../src/spool/write/usage-window-rows.ts';
import { setup, type Bundle } from '../support/daemon.ts';

const NOTHING: RateRule = { perSecond: null, windows: [], per: 'request', zone: 'UTC' };
const DAY_S = 86_400;

function nested(rules: Partial<NestedRules>): NestedRules | null {
  return nestedRulesOf({ account: NOTHING, senders: new Map(), groups: [], ...rules });
}

const perDay = (count: number, over: Partial<RateRule> = {}): RateRule => ({
  ...NOTHING,
  windows: [{ count, span: 'day' }],
  ...over,
});

const dropMany = ({ db, drop }: Bundle, count: number, sender?: string): readonly number[] =>
  db.transaction(() =>
    Array.from({ length: count }, () => drop(sender === undefined ? {} : { sender })),
  )();

/** Until midnight, and a little. */
const toMidnight = ({ clock }: Bundle): number => DAY_S - (clock.now() % DAY_S) + 1;

const accepted = (bundle: Bundle, sender?: string): number =>
  bundle.sandbox.ledger.entries().filter(({ from }) => sender === undefined || from === sender)
    .length;

/** Everything that can go has gone: a message that no rule keeps is sent after all others were looked at. */
async function settle(bundle: Bundle): Promise<void> {
  const id = bundle.drop({ sender: 'Free', priority: 0 });
  await bundle.untilState(id, 'await-receipt');
  await bundle.until(() => bundle.count('sending') === 0);
}

/** Well before midnight, whenever the test runs. */
async function setupAtNoon(options: Parameters<typeof setup>[0]): Promise<Bundle> {
  const bundle = await setup({ ...options, isStopped: true });
  const { clock } = bundle;
  clock.advance(DAY_S - (clock.now() % DAY_S) + DAY_S / 2);
  await bundle.start();
  return bundle;
}

describe('a window of a day', () => {
  const senders = new Map([['AcmeInc', perDay(5)]]);

  it('a window of a day is used up, waited for, and free at midnight; other senders go on, and nothing expires early', async () => {
    const bundle = await setupAtNoon({ account: { nested: nested({ senders }) } });
    dropMany(bundle, 8);
    await bundle.until(() => bundle.count('await-receipt') === 5);
    await settle(bundle);
    expect(accepted(bundle, 'AcmeInc')).toBe(5);
    expect(bundle.count('queued')).toBe(3);
    const [cap] = usageWindowsOf(bundle.db, bundle.clock.now());
    const midnight = bundle.clock.now() + toMidnight(bundle) - 1;
    expect(cap).toMatchObject({
      scope: 'sender',
      name: 'AcmeInc',
      span: 'day',
      allowed: 5,
      used: 5,
    });
    expect(cap?.freesAt).toBeCloseTo(midnight, 0);
    bundle.advance(toMidnight(bundle));
    await bundle.until(() => accepted(bundle, 'AcmeInc') === 8);
    expect(usageWindowsOf(bundle.db, bundle.clock.now())).toMatchObject([
      { used: 3, freesAt: null },
    ]);
  });

  it('a window of a day is the same after a restart, and with another limit', async () => {
    const bundle = await setupAtNoon({ account: { nested: nested({ senders }) } });
    dropMany(bundle, 8);
    await bundle.until(() => bundle.count('await-receipt') === 5);
    await bundle.stop();
    await bundle.start();
    await settle(bundle);
    expect(accepted(bundle, 'AcmeInc')).toBe(5);
    await bundle.stop();
    expect(usageWindowsOf(bundle.db, bundle.clock.now())).toMatchObject([{ used: 5 }]);
    const more = nested({ senders: new Map([['AcmeInc', perDay(7)]]) });
    await bundle.start({ account: { nested: more } });
    await bundle.until(() => accepted(bundle, 'AcmeInc') === 7);
    await settle(bundle);
    expect(accepted(bundle, 'AcmeInc')).toBe(7);
  });

  it('a window of a day is remembered while its rule is taken out of the configuration', async () => {
    const bundle = await setupAtNoon({ account: { nested: nested({ senders }) } });
    dropMany(bundle, 4);
    await bundle.until(() => bundle.count('await-receipt') === 4);
    await bundle.stop();
    await bundle.start({ account: { nested: null } });
    await settle(bundle);
    expect(usageWindowsOf(bundle.db, bundle.clock.now())).toEqual([]);
    await bundle.stop();
    await bundle.start();
    dropMany(bundle, 3);
    await bundle.until(() => accepted(bundle, 'AcmeInc') === 5);
    await settle(bundle);
    expect(accepted(bundle, 'AcmeInc')).toBe(5);
  });
});

describe('a rule that is new in the middle of the day', () => {
  const free = { account: { nested: null } };
  const untilCounted = (bundle: Bundle): Promise<void> =>
    bundle.until(() => usageWindowsOf(bundle.db, bundle.clock.now()).length > 0, 'rows of windows');

  it('a rule that is new in the middle of the day begins with what left before it was there, of the account, a group and a sender', async () => {
    const bundle = await setupAtNoon(free);
    dropMany(bundle, 3);
    dropMany(bundle, 2, 'Shop');
    bundle.drop({ sender: 'AcmeInc' });
    await bundle.until(() => bundle.count('await-receipt') === 6);
    await bundle.stop();
    const rules = nested({
      account: { ...NOTHING, windows: [{ count: 100, span: 'h' }] },
      senders: new Map([['AcmeInc', perDay(5)]]),
      groups: [{ ...perDay(8, { per: 'part' }), name: 'us', senders: ['AcmeInc', 'Shop'] }],
    });
    await bundle.start({ account: { nested: rules } });
    dropMany(bundle, 3);
    dropMany(bundle, 3, 'Shop');
    await settle(bundle);
    expect(accepted(bundle, 'AcmeInc')).toBeLessThanOrEqual(5);
    expect(accepted(bundle, 'AcmeInc') + accepted(bundle, 'Shop')).toBe(8);
    expect(usageWindowsOf(bundle.db, bundle.clock.now())).toMatchObject([
      { scope: 'account', span: 'h', used: 9 },
      { scope: 'group', span: 'day', used: 8 },
      { scope: 'sender', span: 'day', used: accepted(bundle, 'AcmeInc') },
    ]);
  });

  it('a rule that is new in the middle of the day knows nothing of other days, and of a minute only what is in it', async () => {
    const bundle = await setupAtNoon(free);
    dropMany(bundle, 4);
    await bundle.until(() => bundle.count('await-receipt') === 4);
    bundle.advance(toMidnight(bundle) - 20);
    dropMany(bundle, 3);
    await bundle.until(() => bundle.count('await-receipt') === 7);
    bundle.advance(30);
    bundle.drop();
    await bundle.until(() => bundle.count('await-receipt') === 8);
    await bundle.stop();
    const windows = (['min', 'h', 'day'] as const).map((span) => ({ count: 1_000, span }));
    await bundle.start({ account: { nested: nested({ account: { ...NOTHING, windows } }) } });
    await untilCounted(bundle);
    const used = usageWindowsOf(bundle.db, bundle.clock.now()).map((cap) => [cap.span, cap.used]);
    expect(Object.fromEntries(used)).toEqual({ day: 1, h: 4, min: 4 });
  });

  it('a rule that is new in the middle of the day counts what left while it was out, when it comes back, and nothing twice', async () => {
    const rule = { account: { nested: nested({ account: perDay(9) }) } };
    const bundle = await setupAtNoon(rule);
    dropMany(bundle, 3);
    await bundle.until(() => bundle.count('await-receipt') === 3);
    await bundle.stop();
    await bundle.start(free);
    dropMany(bundle, 4);
    await bundle.until(() => bundle.count('await-receipt') === 7);
    await bundle.stop();
    for (let times = 0; times < 2; times += 1) {
      await bundle.start(rule);
      await untilCounted(bundle);
      await bundle.stop();
    }
    expect(usageWindowsOf(bundle.db, bundle.clock.now())).toMatchObject([{ used: 7 }]);
  });

  it('a rule that is new in the middle of the day does not count what never left', async () => {
    const nowhere = { account: { nested: null, baseUrl: 'http://127.0.0.1:9' } };
    const bundle = await setupAtNoon(nowhere);
    bundle.drop();
    await bundle.until(() => bundle.lines('account.suspended').length > 0);
    await bundle.until(() => bundle.count('sending') === 0);
    await bundle.stop();
    await bundle.start({ account: { ...nowhere.account, nested: nested({ account: perDay(9) }) } });
    await untilCounted(bundle);
    /* One may be on its way again; it is given back, too. */
    await bundle.until(() => usageWindowsOf(bundle.db, bundle.clock.now())[0]?.used === 0);
  });
});

it('a group shares one budget among its senders, NULL and the default it stands for being one', async () => {
  const group = { ...perDay(4), name: 'us', senders: ['AcmeInc', 'Shop'] };
  const bundle = await setupAtNoon({ account: { nested: nested({ groups: [group] }) } });
  dropMany(bundle, 2);
  dropMany(bundle, 2, 'AcmeInc');
  dropMany(bundle, 2, 'Shop');
  dropMany(bundle, 3, 'Other');
  await bundle.until(() => bundle.count('await-receipt') === 7);
  await settle(bundle);
  expect(accepted(bundle, 'Other')).toBe(3);
  expect(accepted(bundle, 'AcmeInc') + accepted(bundle, 'Shop')).toBe(4);
});

it('parts are counted where it says so: as predicted, then as the answer names them', async () => {
  const account = { account: { nested: nested({ account: perDay(10, { per: 'part' }) }) } };
  const bundle = await setupAtNoon(account);
  const text = 'x'.repeat(450);
  for (let count = 0; count < 4; count += 1) bundle.drop({ text });
  await bundle.until(() => bundle.count('await-receipt') === 3);
  await bundle.until(() => usageWindowsOf(bundle.db, bundle.clock.now())[0]?.used === 9);
  expect(bundle.count('queued')).toBe(1);
});

it('a request that never left is given back', async () => {
  const account = {
    account: { nested: nested({ account: perDay(1) }), baseUrl: 'http://127.0.0.1:9' },
  };
  const bundle = await setupAtNoon(account);
  bundle.drop();
  await bundle.until(() => bundle.lines('account.suspended').length > 0);
  await bundle.until(() => bundle.count('sending') === 0);
  expect(usageWindowsOf(bundle.db, bundle.clock.now())).toMatchObject([{ used: 0, freesAt: null }]);
});

it('a crash with requests out counts them: the limit of the day holds for both lives together', async () => {
  const options = { account: { nested: nested({ account: perDay(6) }), concurrency: 2 } };
  const bundle = await setupAtNoon({ ...options, sandbox: { latencyMs: 200 } });
  dropMany(bundle, 12);
  await bundle.until(() => bundle.sandbox.ledger.counters.requests >= 3);
  const path = `${bundle.path}.crashed`;
  /* What is on disk at an instant with requests out is what a crash would leave. */
  await bundle.db.backup(path);
  await bundle.stop();
  const after = await setup({ ...options, spoolPath: path, isStopped: true });
  const before = after.all('SELECT 1 FROM attempts').length;
  expect(before).toBeGreaterThan(0);
  after.clock.advance(bundle.clock.now() - after.clock.now());
  await after.start();
  await after.until(
    () => after.sandbox.ledger.entries().length === 6 - before,
    'the rest of the day',
  );
  await after.until(() => after.count('sending') === 0);
  expect(after.all('SELECT 1 FROM attempts')).toHaveLength(6);
});
