/** `stats --lanes`: what each lane allows, uses and has to do, from the spool alone. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForecastOptions } from '../../src/cli/inspect/allowance.ts';
import {
  laneDocument,
  lanesOf,
  laneTable,
  type LaneView,
} from '../../src/cli/inspect/lane-report.ts';
import type { NestedRules, RateRule } from '../../src/core/window/rate-limits.ts';
import { usageWindowsOf } from '../../src/spool/write/usage-window-rows.ts';
import type { Defaults } from '../../src/spool/write/selection.ts';
import { makeFolder, openHandle, NOW, type Handle } from '../support/spool.ts';
import { Program, widestLine } from './program.ts';

const LONG = 'marketing-germany-austria-and-switzerland-spring-campaigns';
const DEFAULTS: Defaults = { account: 'main', senders: new Map([['main', 'AcmeInc']]) };

const PLAIN: RateRule = { perSecond: null, windows: [], per: 'request', zone: 'UTC' };

function setup(
  rules: Partial<NestedRules> | null = null,
): Handle & { readonly lanes: () => readonly LaneView[] } {
  const handle = openHandle(join(makeFolder(), 'spool.db'));
  const whole = { account: PLAIN, senders: new Map(), groups: [], ...rules };
  const options: ForecastOptions = {
    ...{ defaults: DEFAULTS, validityMs: 86_400_000, reserve: 0.1, now: NOW },
    nested: new Map(rules === null ? [] : [['main', whole]]),
    inParts: new Set(whole.account.per === 'part' ? ['main'] : []),
  };
  return { ...handle, lanes: () => lanesOf(handle.db, options) };
}

type Columns = Readonly<Record<string, number | string | null>>;

const sqlOf = (value: number | string | null): string => {
  if (value === null) return 'NULL';
  return typeof value === 'number' ? String(value) : `'${value}'`;
};

const account = (name: string, over: Columns = {}): string => {
  const columns: Columns = { name, since: NOW - 60, ...over };
  const values = Object.values(columns).map(sqlOf);
  return `INSERT INTO accounts (${Object.keys(columns).join()}) VALUES (${values.join()});`;
};

/** Rows that were dropped just now, so that nothing of late is known of their lanes. */
const ready = (count: number, sender: string | null, over: Columns = {}): string => {
  const dates = { created_at: NOW - 1, updated_at: NOW - 1 };
  const columns: Columns = { sender, text: 'Hello', ...dates, ...over };
  const values = Object.values(columns).map(sqlOf);
  return `INSERT INTO messages (recipient, ${Object.keys(columns).join()})
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    SELECT 447700900000 + i, ${values.join()} FROM n;`;
};

/** Requests that were answered evenly over the last so many seconds. */
const answered = (count: number, seconds: number, sender: string, reason = 'accepted'): string =>
  `INSERT INTO events (at, message_id, account, sender, event, from_state, to_state, reason, attempt)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    SELECT ${NOW} - ${seconds} + ${seconds} * (i - 0.5) / ${count}, i, 'main', '${sender}',
      'message.x', 'sending', 'x', '${reason}', 1 FROM n;`;

const of = (lanes: readonly LaneView[], sender: string | null): LaneView | undefined =>
  lanes.find((lane) => lane.account === 'main' && lane.sender === sender);

describe('the lanes of a spool', () => {
  it('the lanes of a spool are those with a limit, a stop, rows or recent requests; an account counts for all of its', () => {
    const { db, lanes } = setup();
    db.exec(account('main', { configured_rate: 30 }));
    db.exec(
      `INSERT INTO senders (account, sender, since, configured_rate) VALUES ('main', 'Slow', 1, 1);`,
    );
    db.exec(ready(5, null) + ready(3, 'AcmeInc') + ready(2, 'Other'));
    db.exec(answered(20, 10, 'Recent') + answered(4, 60, 'Other', 'throttled'));
    const found = lanes();
    expect(found.map(({ sender }) => sender)).toEqual([null, 'AcmeInc', 'Other', 'Recent', 'Slow']);
    expect(of(found, null)).toMatchObject({ backlog: 10, usedRate: 2.1, throttled: 4, stop: null });
    expect(of(found, 'AcmeInc')).toMatchObject({ backlog: 8, usedRate: 0, configuredRate: null });
    expect(of(found, 'Recent')).toMatchObject({
      backlog: 0,
      usedRate: 2,
      throttled: 0,
      goneAt: null,
    });
    expect(of(found, 'Slow')).toMatchObject({ configuredRate: 1, backlog: 0 });
  });

  it('the lanes of a spool are gone when their backlog has flowed off at the pace of the account and of the sender', () => {
    const { db, lanes } = setup();
    db.exec(account('main', { configured_rate: 30, learned_rate: 20 }));
    db.exec(
      `INSERT INTO senders (account, sender, since, configured_rate) VALUES ('main', 'Slow', 1, 1);`,
    );
    db.exec(ready(1_000, null) + ready(100, 'Slow'));
    const seconds = (sender: string | null): number => (of(lanes(), sender)?.goneAt ?? NaN) - NOW;
    expect(seconds('Slow')).toBeCloseTo(110, -1);
    expect(seconds('AcmeInc')).toBeCloseTo(1_000 / (20 * 0.948 - 1 / 1.1), -1);
    expect(seconds(null)).toBe(seconds('Slow'));
  });

  it('the lanes of a spool are estimated by what really went, where they always had something to send', () => {
    const { db, lanes } = setup();
    db.exec(account('main', { configured_rate: 30 }));
    db.exec(ready(1_000, null) + answered(100, 10, 'AcmeInc'));
    const seconds = (): number => (of(lanes(), null)?.goneAt ?? NaN) - NOW;
    expect(seconds()).toBeCloseTo(1_000 / (30 * 0.948), -1);
    db.exec(
      `UPDATE messages SET revision = revision + 1, created_at = ${NOW - 60}.0, updated_at = ${NOW - 60}.0`,
    );
    expect(seconds()).toBeCloseTo(100, -1);
    /* A wait in between says nothing of the time after it. */
    db.exec(`UPDATE accounts SET blocked_until = ${NOW - 2}`);
    expect(seconds()).toBeCloseTo(1_000 / (30 * 0.948), -1);
  });

  it('say who or what stops them, and until when', () => {
    const { db, lanes } = setup();
    db.exec(account('main', { blocked_until: NOW + 4 }));
    db.exec(`INSERT INTO senders (account, sender, since, state, reason, next_probe_at, blocked_until) VALUES
      ('main', 'Bad', 1, 'suspended', 'invalid-sender', ${NOW + 120}, NULL), ('main', 'Past', 1, 'active', NULL, NULL, ${NOW - 1}),
      ('main', 'Held', 1, 'paused', NULL, NULL, NULL);`);
    db.exec(ready(2, 'Night'));
    db.exec(
      `UPDATE messages SET revision = revision + 1, reason = 'quiet-hours', due_at = ${NOW + 3_600}`,
    );
    const found = lanes();
    expect(of(found, null)?.stop).toEqual({ by: 'throttled', reason: null, until: NOW + 4 });
    expect(of(found, 'Bad')?.stop).toEqual({
      by: 'suspended',
      reason: 'invalid-sender',
      until: NOW + 120,
    });
    expect(of(found, 'Held')?.stop).toEqual({ by: 'paused', reason: null, until: null });
    expect(of(found, 'Past')?.stop).toBeNull();
    expect(of(found, 'Night')).toMatchObject({
      ...{ backlog: 0, later: 2 },
      stop: { by: 'quiet-hours', reason: null, until: NOW + 3_600 },
    });
  });

  it('fit a terminal of 80 columns and one of 200', () => {
    process.env['TZ'] = 'UTC';
    const { db, lanes } = setup();
    db.exec(account('main', { configured_rate: 30, learned_rate: 18.4, blocked_until: NOW + 4 }));
    db.exec(
      account(LONG, { configured_rate: 1_000, state: 'suspended', reason: 'quota-exceeded' }),
    );
    db.exec(
      `INSERT INTO senders (account, sender, since, configured_rate) VALUES ('main', '12015550123', 1, 1);`,
    );
    db.exec(ready(12_267, null) + ready(213, '12015550123'));
    db.exec(ready(12, null, { send_at: NOW + 60 }));
    db.exec(answered(171, 10, 'AcmeInc') + answered(9, 10, '12015550123'));
    db.exec(answered(2, 60, 'AcmeInc', 'throttled'));
    const found = lanes();
    expect(`\n${laneTable({ lanes: found, caps: [], now: NOW }, 80)}`).toBe(AT_80);
    expect(`\n${laneTable({ lanes: found, caps: [], now: NOW }, 200)}`).toBe(AT_200);
    expect(widestLine(AT_80)).toBeLessThanOrEqual(80);
  });

  it('the lanes of a spool are shown by a table for people up to a number, those that are stopped or have most to do', () => {
    const { db, lanes } = setup();
    db.exec(account('main', { configured_rate: 30 }));
    for (let sender = 1; sender <= 60; sender += 1) db.exec(ready(sender, `Sender${sender}`));
    const text = laneTable({ lanes: lanes(), caps: [], now: NOW }, 80);
    expect(text).toContain('11 more lanes: --json shows all.');
    expect(text).toContain('Sender60');
    expect(text).not.toContain('Sender11 ');
    expect(laneTable({ lanes: [], caps: [], now: NOW })).toContain('No daemon has used an account');
  });
});

/** A window as the daemon writes it: scope, name, span, per, zone, allowed. */
const cap = (columns: string, used: readonly (readonly [number, number])[]): string =>
  `INSERT INTO caps (account, scope, name, span, per, zone, allowed, used, frees_at, state)
    VALUES ('main', ${columns}, 0, NULL, '${JSON.stringify({ at: NOW, open: [], used })}');`;
/** 14:13:20 in UTC is in the day of this number. */
const TODAY = Math.floor(NOW / 86_400);
const MIDNIGHT_S = 86_400 - (NOW % 86_400);

describe('groups and windows', () => {
  const groups = [{ ...PLAIN, name: 'us', senders: ['A', 'B'], perSecond: 5 }];

  it('groups and windows of senders are seen: what they allow and what those in them do together', () => {
    process.env['TZ'] = 'UTC';
    const { db, lanes } = setup({ groups });
    db.exec(account('main', { configured_rate: 30 }));
    db.exec(ready(100, 'A') + ready(200, 'B') + ready(90, 'C') + answered(20, 10, 'A'));
    db.exec(cap(`'group', 'us', 'day', 'request', 'UTC', 20000`, [[TODAY, 20_000]]));
    const found = lanes();
    expect(found.map(({ sender, group }) => group?.name ?? sender)).toEqual([
      ...[null, 'us', 'A', 'B', 'C'],
    ]);
    expect(found[1]).toMatchObject({ backlog: 300, usedRate: 2, configuredRate: 5, stop: null });
    expect((found[1]?.goneAt ?? 0) - NOW).toBeCloseTo(MIDNIGHT_S + 300 / (5 / 1.1), 0);
    expect((of(found, 'C')?.goneAt ?? 0) - NOW).toBeCloseTo(90 / (30 * 0.948), 0);
    expect(found.map(laneDocument)[1]).toMatchObject({
      ...{ kind: 'group', account: 'main', group: 'us', senders: ['A', 'B'] },
      ...{ configured_rate: 5, available_rate: 5, used_rate: 2, backlog: 300 },
    });
    const caps = usageWindowsOf(db, NOW);
    expect(`\n${laneTable({ lanes: found, caps, now: NOW }, 80)}`).toBe(WITH_GROUP);
  });

  it('groups and windows are in when a lane is gone: an account’s day, its parts, a sender’s minute', () => {
    const { db, lanes } = setup({ account: { ...PLAIN, per: 'part' } });
    db.exec(account('main', { configured_rate: 30 }));
    db.exec(cap(`'account', '', 'day', 'part', 'UTC', 20000`, [[TODAY, 19_700]]));
    db.exec(cap(`'sender', 'Slow', 'min', 'request', 'UTC', 6`, [[NOW - 30, 6]]));
    db.exec(ready(50, 'A', { text: 'x'.repeat(300) }) + ready(3, 'Slow'));
    const seconds = (sender: string | null): number => (of(lanes(), sender)?.goneAt ?? NaN) - NOW;
    expect(seconds('A')).toBeCloseTo(100 / (30 * 0.948), 0);
    expect(seconds('Slow')).toBeCloseTo(30, 0);
    db.exec(ready(120, 'A', { text: 'x'.repeat(300) }));
    expect(seconds('A')).toBeGreaterThan(MIDNIGHT_S);
    expect(seconds(null)).toBeCloseTo(MIDNIGHT_S + 43 / (30 * 0.948), 0);
  });
});

describe('stats --lanes', () => {
  let program: Program;
  beforeEach(() => void (program = new Program().init()));
  afterEach(() => program[Symbol.dispose]());

  it('stats --lanes shows the longer windows, too, below the table and as documents', async () => {
    const state = JSON.stringify({ at: NOW, used: [], open: [] });
    program.exec(account('main', { configured_rate: 30 }));
    program.exec(`INSERT INTO caps (account, scope, name, span, per, zone, allowed, used, state)
      VALUES ('main', 'account', '', 'h', 'part', 'UTC', 900, 0, '${state}')`);
    const { stdout } = await program.run(['stats', '--lanes']);
    expect(stdout).toMatch(/\nWINDOW OF +ALLOWS +USED +COUNTS\naccount main +900\/h +0 +parts\n/);
    const json = await program.run(['stats', '--lanes', '--json']);
    expect(JSON.parse(json.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      ...{ kind: 'window', account: 'main', span: 'h', per: 'part' },
      ...{ allowed: 900, used: 0, frees_at: null },
    });
  });

  it('stats --lanes prints a table, and with --json a document a lane', async () => {
    program.exec(account('main', { configured_rate: 30, learned_rate: 18 }) + ready(284, null));
    const { stdout, code } = await program.run(['stats', '--lanes']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^LANE +SET +AVAILABLE +BACKLOG +GONE IN\nmain +30 +18 +284 +\d+ s\n {2}AcmeInc/,
    );
    const json = await program.run(['stats', '--lanes', '--json']);
    const documents = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(documents).toEqual([
      expect.objectContaining({ kind: 'lane', account: 'main', sender: null, available_rate: 18 }),
      expect.objectContaining({ kind: 'lane', account: 'main', sender: 'AcmeInc', backlog: 284 }),
    ]);
    expect(documents[0]).toHaveProperty('gone_at', expect.stringMatching(/^20\d\d-.*Z$/));
  });
});

const WITH_GROUP = `
LANE        SET  USED  BACKLOG     GONE IN
main         30     2      390  9 h 47 min
  group us    5     2      300  9 h 47 min
  A                 2      100  9 h 47 min
  B                        200  9 h 47 min
  C                         90       3.2 s

WINDOW OF      ALLOWS    USED  COUNTS    FREES
group us   20,000/day  20,000  requests  2026-09-22 00:00:00

Rates are per second, used in the last 10 s; throttled in the last 60 s;
later: waits for an instant of its own.`;
const AT_80 = `
LANE                SET  AVAILABLE  USED  THROTTLED  BACKLOG  LATER      GONE IN
main                 30       18.4    18          2   12,480     12   12 min 1 s
  12015550123         1              0.9                 213          12 min 1 s
  AcmeInc                           17.1          2   12,267     12  11 min 59 s
marketing-german…  1000

main: throttled, until 2026-09-21 14:13:24
${LONG}: suspended
  (quota-exceeded)

Rates are per second, used in the last 10 s; throttled in the last 60 s;
later: waits for an instant of its own.`;
const AT_200 = `
LANE                                                         SET  AVAILABLE  USED  THROTTLED  BACKLOG  LATER      GONE IN
main                                                          30       18.4    18          2   12,480     12   12 min 1 s
  12015550123                                                  1              0.9                 213          12 min 1 s
  AcmeInc                                                                    17.1          2   12,267     12  11 min 59 s
${LONG}  1000

main: throttled, until 2026-09-21 14:13:24
${LONG}: suspended (quota-exceeded)

Rates are per second, used in the last 10 s; throttled in the last 60 s;
later: waits for an instant of its own.`;
