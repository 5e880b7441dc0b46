/** What top shows, at 80 and 200 columns, of a status that does not change. */
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { noStates } from '../../../src/core/stats/message-counts.ts';
import { AGE_BOUNDS_S, type LaneStatus, type Status } from '../../../src/core/stats/status.ts';
import { frameOf, type View } from '../../../src/cli/top/frame.ts';

const AT = Date.UTC(2026, 10, 23, 14, 3, 22) / 1000;

beforeAll(() => {
  process.env['TZ'] = 'UTC';
});

function laneOf(sender: string, over: Partial<LaneStatus> = {}): LaneStatus {
  const ages = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  const state = 'active';
  return {
    ...{ account: 'main', sender, state, available: null, blocked_seconds: 0, ages },
    ...{ states: noStates(), oldest_due_seconds: null },
    ...over,
  };
}

const LANES: readonly LaneStatus[] = [
  laneOf('AcmeInc', {
    states: { ...noStates(), queued: 812_345, retry: 12, sending: 9, 'await-receipt': 1_204 },
    ages: [180_000, 28, 4_100, 60_000, 90_000, 200_229, 278_000, 0, 0],
    oldest_due_seconds: 43_000,
  }),
  laneOf('12015550123', {
    states: { ...noStates(), queued: 4_410, sending: 1, uncertain: 2 },
    ages: [0, 1, 4, 60, 180, 700, 1_465, 2_000, 0],
    available: 0.91,
    blocked_seconds: 2.4,
    oldest_due_seconds: 80_000,
  }),
  laneOf('Shop', {
    state: 'paused',
    states: { ...noStates(), queued: 3 },
    ages: [0, 0, 0, 0, 0, 0, 0, 0, 3],
  }),
  laneOf('Done', { states: { ...noStates(), delivered: 5_000_000 } }),
];

const STATUS: Status = {
  at: AT,
  version: '0.1.0',
  pid: 4711,
  spool: '/var/lib/sms-spoold/spool.db',
  started_at: AT - 12_020,
  unready: null,
  stops: [],
  is_counted: true,
  states: {
    ...noStates(),
    queued: 816_758,
    retry: 12,
    sending: 10,
    uncertain: 2,
    'await-receipt': 1_204,
    delivered: 5_182_009,
    'permanent-failure': 87,
  },
  age_bounds_seconds: AGE_BOUNDS_S,
  accounts: [
    {
      ...{ account: 'main', state: 'active', reason: null, next_probe_at: null },
      ...{ limit: 30, available: 28.4, used: 26.4, in_flight: 10, concurrency: 10 },
      ...{ blocked_seconds: 0, oldest_due_seconds: 80_000 },
    },
    {
      ...{
        account: 'second',
        state: 'suspended',
        reason: 'invalid-credentials',
        next_probe_at: AT + 90,
      },
      ...{ limit: 5, available: 5, used: 0, in_flight: 0, concurrency: 10 },
      ...{ blocked_seconds: 0, oldest_due_seconds: null },
    },
  ],
  lanes: LANES,
  answered: Array.from({ length: 300 }, (_, index) => Math.round(17 + 16 * Math.sin(index / 9))),
  accepted: new Array<number>(300).fill(0),
  failures: [
    {
      ...{ at: AT - 1, id: 5_991_204, account: 'main', sender: 'AcmeInc', recipient: '4477…001' },
      ...{ to: 'permanent-failure', reason: 'invalid-message', code: 6 },
    },
    {
      ...{
        at: AT - 63,
        id: 5_991_190,
        account: 'main',
        sender: '12015550123',
        recipient: '1201…123',
      },
      ...{ to: 'retry', reason: 'internal-error', code: 5 },
    },
    {
      ...{ at: AT - 64, id: 5_980_001, account: 'main', sender: null, recipient: '4479…777' },
      ...{ to: 'uncertain', reason: 'unanswered', code: null },
    },
  ],
};
const VIEW: View = { status: STATUS, source: 'daemon', note: null };

describe('a frame', () => {
  it.each([80, 200])(
    'a frame at %i columns looks as it was looked at in a terminal',
    async (columns) => {
      const text = frameOf(VIEW, { columns, rows: 40 }).join('\n');
      await expect(`${text}\n`).toMatchFileSnapshot(
        join(import.meta.dirname, `frame-${columns}.txt`),
      );
    },
  );

  it('a frame says who counted where no daemon answers, in whole words', () => {
    const note =
      '127.0.0.1:8027 (admin.listen) does not answer; counted from the spool at 14:03:22';
    const lines = frameOf({ ...VIEW, source: 'spool', note }, { columns: 60, rows: null });
    expect(lines.slice(0, 3)).toEqual([
      'sms-spoold: no daemon answers                       14:03:22',
      '127.0.0.1:8027 (admin.listen) does not answer; counted from',
      'the spool at 14:03:22',
    ]);
  });

  it('a frame leaves out lanes in which nothing waits, and counts those it has no room for', () => {
    const lanes = Array.from({ length: 50 }, (_, index) =>
      laneOf(`Shop${index}`, { states: { ...noStates(), queued: index + 1 } }),
    );
    const view = { ...VIEW, status: { ...STATUS, lanes: [...lanes, ...LANES.slice(3)] } };
    const lines = frameOf(view, { columns: 80, rows: 40 });
    const shown = lines.filter((line) => line.startsWith('main/'));
    expect(shown[0]).toMatch(/^main\/Shop49 +50 /);
    expect(lines).toContain(`and ${50 - shown.length} more lanes`);
    expect(lines.join('\n')).not.toContain('Done');
  });

  it('a frame lets no control character of an application through', () => {
    const failures = [{ ...STATUS.failures[0], reason: 'a\u001b[31mb', sender: '\u0007' }];
    const view = { ...VIEW, status: { ...STATUS, failures } as Status };
    expect(frameOf(view, { columns: 80, rows: null }).join('\n')).not.toMatch(/[\u0007\u001b]/u);
  });

  it('a frame is never wider or higher than the terminal', () => {
    const size = fc.record({
      columns: fc.integer({ min: 40, max: 250 }),
      rows: fc.integer({ min: 1, max: 80 }),
    });
    fc.assert(
      fc.property(size, fc.array(fc.nat(100_000), { maxLength: 300 }), (at, answered) => {
        const lines = frameOf({ ...VIEW, status: { ...STATUS, answered } }, at);
        expect(lines.length).toBeLessThanOrEqual(at.rows);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(at.columns);
      }),
    );
  });
});
