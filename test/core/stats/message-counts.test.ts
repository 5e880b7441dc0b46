/** Counts of messages: exact whatever comes in between, and coarse only where it says so. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Ages,
  MessageCounts,
  noStates,
  type Alike,
} from '../../../src/core/stats/message-counts.ts';
import {
  CONFIGURED_NAMED_MAX,
  LaneNames,
  NAMED_MAX,
} from '../../../src/core/message/lane-names.ts';
import { STATES, type State } from '../../../src/core/message/message.ts';
import { PerSecond, SECONDS_KEPT } from '../../../src/core/stats/counters.ts';

const NOW = 1_790_000_000;

function names(): LaneNames {
  const accounts = new Map([['main', { sender: 'AcmeInc', senders: ['12015550123'] }]]);
  return new LaneNames({ accounts, defaultAccount: 'main' });
}

interface Row {
  state: State;
  readonly sender: string | null;
  since: number;
}

/** What happens to a spool while it is counted: a slice is read, a row comes, a row moves. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('slice' as const), rows: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    kind: fc.constant('drop' as const),
    sender: fc.constantFrom(null, 'Shop', 'AcmeInc'),
  }),
  fc.record({
    kind: fc.constant('move' as const),
    row: fc.nat(200),
    to: fc.constantFrom(...STATES),
    since: fc.integer({ min: NOW - 200_000, max: NOW + 200_000 }),
  }),
);

function alike(rows: readonly Row[]): readonly Alike[] {
  return rows.map((row) => ({ ...row, account: null, count: 1 }));
}

describe('the counts of messages', () => {
  it('the counts of messages comes to what the spool holds, however counting and moves interleave', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counts = new MessageCounts(names());
        const rows: Row[] = [];
        for (const one of steps) {
          if (one.kind === 'drop') rows.push({ state: 'queued', sender: one.sender, since: NOW });
          if (one.kind === 'slice') {
            const next = rows.slice(counts.upTo, counts.upTo + one.rows);
            counts.count(alike(next), counts.upTo + next.length, NOW);
          }
          const row = one.kind === 'move' ? rows[one.row % Math.max(1, rows.length)] : undefined;
          if (one.kind !== 'move' || row === undefined) continue;
          const { since } = one;
          const id = rows.indexOf(row) + 1;
          const move = { id, account: null, sender: row.sender, from: row.state, to: one.to };
          counts.moved({ ...move, wasSince: row.since, since }, NOW);
          row.state = one.to;
          row.since = since;
        }
        counts.count(alike(rows.slice(counts.upTo)), rows.length, NOW);
        const waiting = (row: Row): boolean => row.state === 'queued' || row.state === 'retry';
        for (const { name, states, ages } of counts.lanes) {
          const own = rows.filter(({ sender }) => (sender ?? 'AcmeInc') === name.sender);
          const expected = noStates();
          for (const { state } of own) expected[state] += 1;
          expect(states).toEqual(expected);
          expect(ages.total).toBe(own.filter(waiting).length);
        }
      }),
    );
  });

  it('the counts of messages knows since when each waits to the width of a slot', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1 }), (seconds) => {
        const ages = new Ages();
        for (const age of seconds) ages.add(NOW - age, 1, NOW);
        const oldest = Math.max(...seconds);
        const said = NOW - (ages.oldest(NOW) ?? NOW);
        expect(said).toBeGreaterThanOrEqual(oldest);
        expect(said - oldest).toBeLessThan(600);
        const counts = ages.histogram(NOW, [3_600, 86_400]);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(seconds.length);
        expect(counts[0]).toBe(0);
        const surelyOld = seconds.filter((age) => age >= 86_400 + 600).length;
        expect(counts[3]).toBeGreaterThanOrEqual(surelyOld);
        for (const age of seconds) ages.remove(NOW - age);
        expect([ages.total, ages.oldest(NOW)]).toEqual([0, null]);
      }),
    );
  });

  it('the counts of messages counts what is not due yet apart, until its instant has come', () => {
    const ages = new Ages();
    ages.add(NOW + 3_600, 2, NOW);
    ages.add(NOW - 5, 1, NOW);
    expect(ages.histogram(NOW, [60])).toEqual([2, 1, 0]);
    expect(ages.histogram(NOW + 7_200, [60])).toEqual([0, 0, 3]);
  });
});

describe('lane names', () => {
  it('lane names are one for a lane, NULL and its default alike', () => {
    const all = names();
    expect(all.of(null, null)).toBe(all.of('main', 'AcmeInc'));
    expect(all.of('main', 'Shop')).toBe(all.of(null, 'Shop'));
  });

  it('lane names are bounded, and never what an application makes up beyond that', () => {
    const word = fc.oneof(fc.string({ maxLength: 30 }), fc.constant(null));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 400 }), (lanes) => {
        const all = names();
        const seen = new Set(lanes.map(([account, sender]) => all.of(account, sender)));
        for (const { account, sender } of seen) {
          expect(['main', 'other']).toContain(account);
          expect(sender).toMatch(/^[0-9A-Za-z]{0,15}$/);
        }
        expect(seen.size).toBeLessThanOrEqual(NAMED_MAX + 2);
      }),
    );
    const all = names();
    const many = Array.from({ length: 1_000 }, (_, index) => all.of('main', `Shop${index}`));
    expect(new Set(many).size).toBe(NAMED_MAX - 2 + 1);
    expect(many.at(-1)).toEqual({ account: 'main', sender: 'other' });
    expect(all.of('main', '12015550123').sender).toBe('12015550123');
  });

  it('lane names are bounded also where the configuration lists thousands of senders', () => {
    const senders = Array.from({ length: 1_000 }, (_, index) => `Shop${index}`);
    const accounts = new Map([['main', { sender: 'Shop0', senders }]]);
    const all = new LaneNames({ accounts, defaultAccount: 'main' });
    const seen = new Set(senders.map((sender) => all.of('main', sender)));
    expect(seen.size).toBe(CONFIGURED_NAMED_MAX + 1);
    expect(all.of(null, 'Shop999')).toEqual({ account: 'main', sender: 'other' });
  });
});

describe('a pulse', () => {
  it('a pulse remembers each of the last seconds, and nothing older', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(900_000)), (instants) => {
        const pulse = new PerSecond();
        const sorted = instants.toSorted((a, b) => a - b);
        for (const at of sorted) pulse.note(at, 1);
        const now = 900_000;
        const expected = new Array<number>(SECONDS_KEPT).fill(0);
        for (const at of sorted) {
          const index = Math.floor(at / 1000) - (900 - SECONDS_KEPT);
          if (index >= 0 && index < SECONDS_KEPT) expected[index] = (expected[index] ?? 0) + 1;
        }
        expect(pulse.seconds(now)).toEqual(expected);
      }),
    );
  });
});
