/**
 * Usage windows of several scopes, whatever happens: random accounts, groups, senders, windows, sizes of messages, refusals,
 * crashes and clocks that are set. Judged from what the gateway saw, by the rules as they are written.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  SPANS,
  type GroupRule,
  type NestedRules,
  type RateRule,
} from '../../src/core/window/rate-limits.ts';
import { Zone } from '../../src/core/time/zone.ts';
import { burstOf } from '../../src/limiter/meter.ts';
import { paceOf, senderPaceOf } from '../../src/limiter/pace.ts';
import { randomOf, SimulatedTime } from '../bench/limits-clock.ts';
import {
  DEFAULT_SENDER,
  Play,
  type Arrival,
  type Drop,
  type Permit,
  type Trouble,
} from './windows-play.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LENGTH_MS = { min: 60_000, h: HOUR_MS } as const;
const SENDERS = [DEFAULT_SENDER, 'B', 'C', 'D', 'E'] as const;
const ZONES = ['UTC', 'Europe/London', 'America/New_York', 'Pacific/Chatham'];
/** Days before a change to summer time, in London and New York, and of no account. */
const STARTS_AT = ['2027-03-27T10:00:00Z', '2027-03-13T22:00:00Z', '2027-06-01T23:30:00Z'];
/** Longer than any request is out: so a message sees one step of the clock at most. */
const APART_MS = 12 * 60_000;

interface Event {
  readonly kind: 'step' | 'stall' | 'crash';
  readonly ms: number;
}

interface Scenario {
  readonly rules: NestedRules;
  readonly perSecond: number;
  readonly senderRates: ReadonlyMap<string, number>;
  readonly drops: readonly { readonly drop: Drop; readonly atMs: number }[];
  readonly events: readonly { readonly event: Event; readonly afterMs: number }[];
  readonly troubles: readonly Trouble[];
  readonly startsAt: string;
  readonly seed: number;
}

const anyPer = fc.constantFrom('request' as const, 'part' as const);
const COUNTS = { min: [2, 40], h: [10, 60], day: [40, 120] } as const;
const anyWindows = fc
  .tuple(
    ...SPANS.map((span) => fc.option(fc.integer({ min: COUNTS[span][0], max: COUNTS[span][1] }))),
  )
  .map((counts) =>
    counts.flatMap((count, index) => {
      const span = SPANS[index];
      return count === null || span === undefined ? [] : [{ count, span }];
    }),
  );
const anyRule = (perSecond: fc.Arbitrary<number | null>): fc.Arbitrary<RateRule> =>
  fc.record({ perSecond, windows: anyWindows, per: anyPer, zone: fc.constantFrom(...ZONES) });
const anyLaneRule = anyRule(fc.constantFrom(null, 1, 3));

/** Which group each sender is in, and the rules of both. */
const anyRules: fc.Arbitrary<NestedRules> = fc
  .record({
    account: anyRule(fc.constantFrom(1, 5, 30)),
    own: fc.array(fc.option(anyLaneRule), { minLength: SENDERS.length, maxLength: SENDERS.length }),
    groupOf: fc.array(fc.integer({ min: 0, max: 2 }), {
      minLength: SENDERS.length,
      maxLength: SENDERS.length,
    }),
    groups: fc.tuple(anyLaneRule, anyLaneRule),
  })
  .map(({ account, own, groupOf, groups }) => ({
    account,
    senders: new Map(
      SENDERS.flatMap((sender, index) => {
        const rule = own[index] ?? null;
        return rule === null ? [] : [[sender, rule] as const];
      }),
    ),
    groups: groups.map((rule, index): GroupRule => ({
      ...rule,
      name: `group ${index}`,
      senders: SENDERS.filter((_, place) => groupOf[place] === index),
    })),
  }));

const anyDrops = fc
  .array(
    fc.record({
      sender: fc.constantFrom(null, ...SENDERS),
      parts: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 })),
      priority: fc.constantFrom(1, 4, 9),
      campaign: fc.constantFrom(null, 'c', 'd'),
      afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 * 60_000 })),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )
  .map((drops) => {
    let atMs = 0;
    return drops.map(({ afterMs, ...rest }, index) => {
      atMs += afterMs;
      return { atMs, drop: { ...rest, id: index + 1 } };
    });
  });

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('step' as const),
    ms: fc.constantFrom(-HOUR_MS, HOUR_MS, 8 * HOUR_MS),
  }),
  fc.record({
    kind: fc.constant('stall' as const),
    ms: fc.constantFrom(5_000, HOUR_MS, 9 * HOUR_MS),
  }),
  fc.record({
    kind: fc.constant('crash' as const),
    ms: fc.constantFrom(1, 5_000, HOUR_MS, 7 * HOUR_MS),
  }),
);

/** Refusals of some requests; of those nobody answers, so few that the account does not stop for them. */
const anyTroubles: fc.Arbitrary<readonly Trouble[]> = fc
  .tuple(
    fc.array(
      fc.constantFrom<Trouble>('account', 'sender', '429', 'lost-commit', 'one-more', 'one-less'),
      { maxLength: 14, size: 'max' },
    ),
    fc.array(fc.constantFrom<Trouble>('unanswered', 'never-left'), { maxLength: 3 }),
  )
  .map(([some, few]) => [...few, ...some]);

const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({
    rules: anyRules,
    drops: anyDrops,
    events: fc.array(
      fc.record({ event: anyEvent, afterMs: fc.integer({ min: APART_MS, max: 3 * HOUR_MS }) }),
      { maxLength: 5, size: 'max' },
    ),
    troubles: anyTroubles,
    startsAt: fc.constantFrom(...STARTS_AT),
    seed: fc.nat(),
  })
  .map((scenario) => ({
    ...scenario,
    perSecond: scenario.rules.account.perSecond ?? 30,
    senderRates: new Map(
      [...scenario.rules.senders].flatMap(([sender, { perSecond }]) =>
        perSecond === null ? [] : [[sender, perSecond] as const],
      ),
    ),
  }));

/** Plays it until everything should long have been sent. */
async function play(scenario: Scenario): Promise<Play> {
  const random = randomOf(scenario.seed);
  const time = new SimulatedTime(random);
  time.stepWall(Date.parse(scenario.startsAt) - time.now() * 1000);
  const played = new Play({ ...scenario, time, random });
  await time.play(40 * DAY_MS, () => {
    played.start();
    for (const { drop, atMs } of scenario.drops) time.afterSettling(atMs, () => played.drop(drop));
    let atMs = 0;
    for (const { event, afterMs } of scenario.events) {
      atMs += afterMs;
      time.afterSettling(atMs, () => happen(event, played, time));
    }
  });
  await time.play(41 * DAY_MS, () => void played.stop());
  return played;
}

function happen(event: Event, played: Play, time: SimulatedTime): void {
  if (event.kind === 'stall') time.stall(event.ms);
  if (event.kind === 'step') time.stepWall(event.ms);
  if (event.kind === 'crash') {
    played.crash();
    time.afterSettling(event.ms, () => played.start());
  } else played.wake();
}

/** A rule and whom it is for. */
interface Judged {
  readonly name: string;
  readonly rule: RateRule;
  readonly isFor: (sender: string) => boolean;
  /** Permits per second that it is paced at; null = not at all. */
  readonly pace: number | null;
}

function judgedIn({ rules, perSecond }: Scenario): readonly Judged[] {
  const paced = ({ perSecond: own }: RateRule): number | null =>
    own === null ? null : senderPaceOf(own);
  return [
    { name: 'account', rule: rules.account, isFor: () => true, pace: paceOf(perSecond) },
    ...rules.groups.map((rule) => ({
      ...{ name: rule.name, rule, pace: paced(rule) },
      isFor: (sender: string) => rule.senders.includes(sender),
    })),
    ...[...rules.senders].map(([name, rule]) => ({
      ...{ name, rule, pace: paced(rule) },
      isFor: (sender: string) => sender === name,
    })),
  ];
}

/** By how much the windows of a rule were overstepped, in words; none should be. */
function oversteps({ name, rule, isFor }: Judged, arrivals: readonly Arrival[]): readonly string[] {
  /* An answer that names more parts than the text would become tells so too late. */
  const costOf = (one: Arrival): number =>
    rule.per === 'part' ? Math.min(one.predicted, one.actual) : 1;
  const own = arrivals.filter(({ sender }) => isFor(sender)).toSorted((a, b) => a.atMs - b.atMs);
  const largest = Math.max(1, ...own.map((one) => (rule.per === 'part' ? one.predicted : 1)));
  const zone = new Zone(rule.zone);
  return rule.windows.flatMap(({ count, span }) => {
    const most = Math.max(count, largest > count ? largest : 0);
    const sums = new Map<number, number>();
    for (const [index, one] of own.entries()) {
      if (span === 'day') {
        const day = zone.dayAt(one.wallAt);
        sums.set(day, (sums.get(day) ?? 0) + costOf(one));
        continue;
      }
      const inside = own
        .slice(0, index + 1)
        .filter(({ atMs }) => atMs > one.atMs - LENGTH_MS[span]);
      sums.set(
        index,
        inside.reduce((sum, each) => sum + costOf(each), 0),
      );
    }
    const used = Math.max(0, ...sums.values());
    return used > most ? [`${name}: ${used} in a ${span} of ${count}`] : [];
  });
}

/** The same of its pace: over any stretch of one life, so many per second and a burst, and a large one's rest. */
function outruns(
  { name, rule, isFor, pace }: Judged,
  permits: readonly Permit[],
): readonly string[] {
  if (pace === null) return [];
  const own = permits.filter(({ sender }) => isFor(sender));
  const costOf = ({ parts }: Permit): number => (rule.per === 'part' ? parts : 1);
  for (const [from, first] of own.entries()) {
    let sum = 0;
    for (const one of own.slice(from)) {
      if (one.life !== first.life) break;
      sum += costOf(one);
      const allowed = ((one.atMs - first.atMs) * pace) / 1000 + burstOf(pace) + costOf(one) - 1;
      if (sum > allowed + 1e-3) return [`${name}: ${sum} from ${first.atMs} to ${one.atMs}`];
    }
  }
  return [];
}

/* What fails is shown as it is: making it smaller takes longer than a test may. */
it('the daemon never lets a window see more than it allows, and sends everything in the end', async () => {
  await fc.assert(
    fc.asyncProperty(anyScenario, async (scenario) => {
      const { arrivals, permits, unsent } = await play(scenario);
      const judged = judgedIn(scenario);
      expect(judged.flatMap((one) => oversteps(one, arrivals))).toEqual([]);
      expect(judged.flatMap((one) => outruns(one, permits))).toEqual([]);
      expect([...unsent]).toEqual([]);
    }),
    { numRuns: 20, endOnFailure: true },
  );
}, 600_000);

it('the daemon knows what an hour has seen after a crash, though the clock was set while nobody ran', async () => {
  const windows = [{ count: 3, span: 'h' as const }];
  const scenario: Scenario = {
    rules: {
      account: { perSecond: 30, windows, per: 'part', zone: 'UTC' },
      senders: new Map(),
      groups: [],
    },
    perSecond: 30,
    senderRates: new Map(),
    drops: Array.from({ length: 6 }, (_, index) => ({
      atMs: 0,
      drop: { id: index + 1, sender: null, parts: 1, priority: 4, campaign: null },
    })),
    events: [
      { event: { kind: 'crash', ms: 40 * 60_000 }, afterMs: APART_MS },
      { event: { kind: 'step', ms: 8 * HOUR_MS }, afterMs: APART_MS },
    ],
    troubles: [],
    startsAt: '2027-06-01T12:00:00Z',
    seed: 1,
  };
  const { arrivals, unsent } = await play(scenario);
  expect(judgedIn(scenario).flatMap((one) => oversteps(one, arrivals))).toEqual([]);
  expect([...unsent]).toEqual([]);
  /* Those that wait go as soon as they may, not an hour after the start. */
  const [first, fourth] = [arrivals[0]?.atMs ?? NaN, arrivals[3]?.atMs ?? NaN];
  expect(fourth - first).toBeLessThan(HOUR_MS + 60_000);
});
