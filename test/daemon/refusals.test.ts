/** Many rows that are refused in a row, on the whole daemon: what the spool holds, and what becomes of each row. */
import { describe, expect, it } from 'vitest';
import { setup, type Bundle, type Options } from '../support/daemon.ts';

/** A recipient that the sandbox answers with this code; others are accepted. */
const bad = (code: number, index: number): string =>
  `9991${String(code).padStart(3, '0')}0${String(index).padStart(4, '0')}`;
const good = (index: number): string => `9991000${String(index).padStart(5, '0')}`;

const BAD = 40;
const GOOD = 5;

/** Drops rows in one transaction; returns their ids. */
function dropAll(bundle: Bundle, recipients: readonly string[], sender?: string): number[] {
  const row = (recipient: string): number =>
    bundle.drop(sender === undefined ? { recipient } : { recipient, sender });
  return bundle.db.transaction(() => recipients.map(row))();
}

/** Time passes second by second, as the probes need it, until `check` holds; returns the seconds. */
async function secondsUntil(bundle: Bundle, check: () => boolean): Promise<number> {
  const begunAt = bundle.clock.now();
  for (let times = 0; !check() && times < 400; times += 1) {
    const before = bundle.sandbox.ledger.counters.requests;
    const circuit = circuitOf(bundle);
    if (circuit === null) {
      await bundle.until(() => check() || circuitOf(bundle) !== null, 'the run');
      continue;
    }
    bundle.advance(Math.max(0, Number(circuit['next_probe_at']) - bundle.clock.now()));
    await bundle.until(
      () => bundle.sandbox.ledger.counters.requests > before && isAtRest(bundle),
      'a probe and its outcome',
    );
  }
  return bundle.clock.now() - begunAt;
}

const circuitOf = ({ all }: Bundle): ReturnType<Bundle['account']> | null =>
  all(`SELECT state, next_probe_at FROM accounts WHERE state = 'suspended' UNION ALL
    SELECT state, next_probe_at FROM senders WHERE state = 'suspended'`)[0] ?? null;

const isAtRest = ({ all }: Bundle): boolean =>
  all(`SELECT 1 FROM messages WHERE state = 'sending'`).length === 0;

const setAside = ({ all }: Bundle): number => all('SELECT 1 FROM set_aside').length;
const accepted = (bundle: Bundle): number => bundle.count('await-receipt');

const slow = (over: Options = {}): Promise<Bundle> =>
  setup({ ...over, account: { concurrency: 1, ...over.account } });

/** A run that is open, and the ids of its rows. */
async function inRun(over: Options = {}, count = 30): Promise<{ bundle: Bundle; ids: number[] }> {
  const bundle = await slow(over);
  const ids = dropAll(
    bundle,
    Array.from({ length: count }, (_, index) => bad(29, index)),
  );
  await bundle.until(() => setAside(bundle) === 1 && isAtRest(bundle), 'a run');
  return { bundle, ids };
}

describe('good rows behind 40 refused ones', () => {
  const shapes: readonly [string, number, (all: readonly string[]) => string[]][] = [
    ['of the account', 29, (all) => [...all]],
    ['of one sender', 15, (all) => [...all]],
    ['between them', 3, (all) => all.toSorted((a, b) => Number(a.slice(-2)) - Number(b.slice(-2)))],
  ];

  it.each(shapes)('%s are sent within 90 seconds', async (_what, code, order) => {
    const bundle = await slow();
    const rows = [
      ...Array.from({ length: BAD }, (_, index) => bad(code, index)),
      ...Array.from({ length: GOOD }, (_, index) => good(index * 9)),
    ];
    dropAll(bundle, order(rows));
    const seconds = await secondsUntil(bundle, () => accepted(bundle) === GOOD);
    expect(seconds).toBeLessThanOrEqual(90);
    await secondsUntil(bundle, () => bundle.count('queued') + bundle.count('sending') === 0);
    expect(bundle.count('permanent-failure')).toBe(BAD);
    expect(setAside(bundle)).toBe(0);
    const others = bundle.all(
      'SELECT 1 FROM messages WHERE status IS NOT ? AND state <> ?',
      ...[code, 'await-receipt'],
    );
    expect(others).toEqual([]);
  });

  it('good rows behind 40 refused ones are sent after a restart in the middle of the run, which goes on', async () => {
    const { bundle } = await inRun({}, BAD);
    await secondsUntil(bundle, () => setAside(bundle) === 12);
    const nextAt = Number(bundle.account()['next_probe_at']);
    await bundle.stop();
    dropAll(
      bundle,
      Array.from({ length: GOOD }, (_, index) => good(index)),
    );
    await bundle.start();
    expect(bundle.account()).toMatchObject({ state: 'suspended', reason: 'not-whitelisted' });
    expect(Number(bundle.account()['next_probe_at'])).toBe(nextAt);
    await secondsUntil(bundle, () => accepted(bundle) === GOOD);
    await secondsUntil(bundle, () => bundle.count('queued') + bundle.count('sending') === 0);
    expect([setAside(bundle), bundle.count('permanent-failure')]).toEqual([0, BAD]);
    expect(bundle.fatal).toEqual([]);
  });
});

describe('where everything is refused', () => {
  it.each([15, 29, 99])(
    'where everything is refused with %d, 9 rows fail and few requests are made',
    async (code) => {
      const bundle = await slow();
      dropAll(
        bundle,
        Array.from({ length: 3_000 }, (_, index) => bad(code, index)),
      );
      const begunAt = bundle.clock.now();
      await secondsUntil(bundle, () => bundle.clock.now() - begunAt >= 600);
      expect(bundle.sandbox.ledger.counters.requests).toBeLessThanOrEqual(100);
      const failed = bundle.all(`SELECT 1 FROM messages WHERE state NOT IN ('queued','sending')`);
      expect(failed.length).toBeLessThanOrEqual(10);
      expect(bundle.sandbox.ledger.counters.balanceRequests).toBe(0);
    },
  );

  it('where everything is refused with senders that are refused one by one, 9 rows fail', async () => {
    const bundle = await slow();
    for (let sender = 0; sender < 12; sender += 1) {
      dropAll(bundle, [bad(15, sender * 2), bad(15, sender * 2 + 1)], `S${sender}`);
    }
    await bundle.until(() => bundle.account()['state'] === 'suspended' && isAtRest(bundle));
    expect(bundle.count('permanent-failure')).toBe(9);
  });
});

describe('a refused row that waits for its run', () => {
  it('a refused row that waits for its run stays queued, gets its attempt back, and its attempt holds the code', async () => {
    const { bundle } = await inRun();
    const [row] = bundle.all('SELECT message_id AS id FROM set_aside');
    const id = Number(row?.['id']);
    expect(bundle.message(id)).toMatchObject({
      ...{ state: 'queued', reason: 'not-whitelisted', status: 29, attempts: 0 },
    });
    expect(bundle.attempts(id)).toMatchObject([{ number: 1, status: 29, route: 'retry' }]);
    expect(bundle.lines('account.suspended')).toHaveLength(1);
  });

  it('a refused row that waits for its run fails with its own code when another is accepted', async () => {
    const { bundle } = await inRun({}, 12);
    dropAll(bundle, [bad(3, 500), bad(29, 501)]);
    await secondsUntil(bundle, () => setAside(bundle) === 5);
    const id = dropAll(bundle, [good(1)])[0] ?? 0;
    await secondsUntil(bundle, () => bundle.message(id)['state'] === 'await-receipt');
    await bundle.until(() => bundle.account()['state'] === 'active');
    const codes = bundle.all(
      `SELECT status, reason, count(*) AS n FROM messages WHERE state = 'permanent-failure'
        GROUP BY 1, 2 ORDER BY 1`,
    );
    expect(codes).toEqual([
      { status: 3, reason: 'invalid-parameter', n: 1 },
      { status: 29, reason: 'not-whitelisted', n: 13 },
    ]);
    expect(bundle.lines('message.permanent-failure')).toHaveLength(14);
    expect(bundle.lines('account.resumed')).toHaveLength(1);
  });

  it('a refused row that waits for its run goes again when an operator resumes the account', async () => {
    const { bundle } = await inRun({}, 14);
    await secondsUntil(bundle, () => setAside(bundle) === 5);
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 0 } });
    expect(await bundle.ask({ verb: 'resume', account: 'main' })).toMatchObject({ affected: 1 });
    await bundle.until(() => accepted(bundle) === 5, 'the rows that were refused');
    expect([setAside(bundle), bundle.count('permanent-failure')]).toEqual([0, 9]);
  });

  it('a refused row that waits for its run goes again when an operator pauses and resumes the account', async () => {
    const { bundle } = await inRun({}, 10);
    await bundle.ask({ verb: 'pause', account: 'main' });
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 0 } });
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.until(() => accepted(bundle) === 1 && setAside(bundle) === 0);
  });

  it('a refused row that waits for its run is cancelled by an operator, and stays cancelled when the run ends', async () => {
    const { bundle } = await inRun({}, 10);
    const id = Number(bundle.all('SELECT message_id AS id FROM set_aside')[0]?.['id']);
    await bundle.ask({ verb: 'cancel', message_id: id });
    dropAll(bundle, [good(1)]);
    await secondsUntil(bundle, () => accepted(bundle) === 1);
    await bundle.until(() => bundle.account()['state'] === 'active');
    expect(bundle.message(id)).toMatchObject({ state: 'cancelled', reason: 'operator' });
  });

  it('a refused row that waits for its run expires as any queued row', async () => {
    const { bundle } = await inRun({ messages: { validityMs: 60_000 } }, 10);
    const id = Number(bundle.all('SELECT message_id AS id FROM set_aside')[0]?.['id']);
    bundle.advance(61);
    await bundle.untilState(id, 'expired');
  });

  it('a refused row that waits for its run goes again after a start under which its code is the message’s own affair', async () => {
    const { bundle } = await inRun({}, 10);
    await bundle.stop();
    bundle.db.exec(`UPDATE accounts SET state = 'active', reason = NULL`);
    await bundle.start({ classify: new Map([[29, 'permanent-failure']]) });
    await bundle.until(() => bundle.count('permanent-failure') === 10);
    expect(setAside(bundle)).toBe(0);
  });
});

it('a probe is no row that is paused, suppressed, quiet or due later', async () => {
  const { bundle } = await inRun({}, 10);
  const [suppressed = 0] = dropAll(bundle, [good(1)]);
  bundle.db.prepare('INSERT INTO suppressions (recipient) VALUES (?)').run(good(1));
  const later = bundle.drop({ recipient: good(2), send_at: bundle.clock.now() + 3_600 });
  await bundle.ask({ verb: 'pause', account: 'main', sender: 'Paused' });
  const [paused = 0] = dropAll(bundle, [good(3)], 'Paused');
  const { requests } = bundle.sandbox.ledger.counters;
  bundle.advance(2);
  await bundle.untilState(suppressed, 'permanent-failure');
  expect(bundle.message(suppressed)['reason']).toBe('suppressed');
  expect([later, paused].map((id) => bundle.message(id)['state'])).toEqual(['queued', 'queued']);
  expect(bundle.sandbox.ledger.counters.requests).toBe(requests);
});
