/**
 * Runs of refusals: when one begins, which row is the next probe, when it goes, and what becomes of the refused
 * rows. Answers come from the real classifier; time is a number.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccountCircuit } from '../../../src/core/account/account-circuit.ts';
import {
  pickProbe,
  placesOf,
  probeDelayMs,
  RefusalCount,
  sourcesToProbe,
  type ProbeCandidate,
  type RefusedRow,
} from '../../../src/core/account/refusal-run.ts';
import { isRunReason } from '../../../src/core/answer/classification-rules.ts';
import type { Verdict } from '../../../src/core/answer/verdict.ts';
import { setup } from '../../support/account-health.ts';
import { answered, claimOf, http, NOW, throttledWith, unanswered } from '../../support/verdicts.ts';

const BAD: RefusedRow = { campaign: 'spring', sender: 'AcmeInc', recipient: '449900900101' };
const LIKE: ProbeCandidate = { ...BAD, priority: 4, isRetry: false, place: 0 };

describe('the next probe', () => {
  const cases: readonly [string, Partial<ProbeCandidate>, Partial<ProbeCandidate>][] = [
    ['was not tried before', {}, { isRetry: true, campaign: 'other' }],
    ['is of another campaign', { campaign: null }, { sender: 'Other', recipient: '12025550100' }],
    ['has another sender', { sender: 'Other' }, { recipient: '12025550100' }],
    ['has another country', { recipient: '+12025550100' }, { recipient: '447700900200' }],
    ['has another network', { recipient: '00447700900200' }, { recipient: '449911900200' }],
    ['stands at another place', { place: 0.5 }, { place: 0.1, priority: 9 }],
    ['has the larger priority, all else equal', { priority: 5 }, { priority: 4 }],
  ];

  it.each(cases)('%s', (_what, better, worse) => {
    const [one, other] = [
      { ...LIKE, ...better },
      { ...LIKE, ...worse },
    ];
    expect(pickProbe([one, other], [BAD], 1)).toBe(one);
    expect(pickProbe([other, one], [BAD], 1)).toBe(one);
  });

  it('the next probe is of the campaign with fewer refusals where all have some', () => {
    const refused = [BAD, BAD, { ...BAD, campaign: 'other' }];
    const other = { ...LIKE, campaign: 'other' };
    expect(pickProbe([LIKE, other], refused, 3)).toBe(other);
  });

  it('the next probe is nobody where no row may go', () => {
    expect(pickProbe([], [BAD], 1)).toBeNull();
  });

  it('the next probe is looked for all over a queue, at other places each time', () => {
    expect(placesOf(3, 64, 5)).toEqual([0, 1, 2]);
    expect(placesOf(1_000, 4, 0)).toEqual([0, 250, 500, 750]);
    expect(placesOf(1_000, 4, 1)).toEqual([125, 375, 625, 875]);
    const seen = new Set(Array.from({ length: 45 }, (_, n) => placesOf(3_000, 64, n)).flat());
    expect(seen.size).toBeGreaterThan(2_000);
  });

  it('the next probe is looked for in the campaigns that were refused least, where there are many', () => {
    const sources = Array.from({ length: 500 }, (_, n) => ({
      campaign: n < 490 ? 'spring' : `c${n}`,
      sender: 'AcmeInc',
    }));
    const chosen = sourcesToProbe(sources, [BAD], { probes: 7, limit: 10 });
    expect(chosen.map(({ campaign }) => campaign).sort()).toEqual(
      sources.slice(490).map(({ campaign }) => campaign),
    );
  });
});

describe('a run of refusals', () => {
  it.each([
    ...[2, 3, 16, 19, 20, 22, 29, 99].map((code) => [String(code), answered(code), null] as const),
    ['15', answered(15), 'AcmeInc'] as const,
    ...[400, 402, 405, 410, 422, 451].map((s) => [`HTTP ${s}`, http(s), null] as const),
  ])(
    'a run of refusals begins with the tenth recipient that %s refuses',
    (_what, verdict, scope) => {
      const { circuit, send } = setup();
      for (let id = 1; id < 10; id += 1) expect(send(id, verdict)).toEqual(verdict);
      expect(circuit.runOf('AcmeInc')).toBeNull();
      const judged = circuit.judge(claimOf({ id: 10 }), verdict, NOW);
      expect(judged.setAside).toEqual({ sender: scope, run: 10 });
      expect(judged.verdict.route).toBe('retry');
      expect(circuit.stateOf(scope)).toMatchObject({ kind: 'suspended', reason: verdict.reason });
      expect(isRunReason(verdict.reason)).toBe(true);
    },
  );

  it.each(['invalid-credentials', 'gateway-down', 'http-401', 'http-404', 'invalid-message'])(
    'a run of refusals is not what %s is about',
    (reason) => {
      expect(isRunReason(reason)).toBe(false);
    },
  );

  it('a run of refusals counts recipients whatever the code, and starts again with an acceptance', () => {
    const { circuit, send } = setup();
    for (let id = 1; id <= 9; id += 1) send(id, answered([2, 3, 29][id % 3] ?? 2));
    for (let times = 0; times < 20; times += 1) send(1, answered(2));
    expect(circuit.stateOf().kind).toBe('active');
    send(50, answered(0));
    for (let id = 1; id <= 9; id += 1) send(id, answered(29));
    expect(circuit.stateOf().kind).toBe('active');
    send(10, answered(3));
    expect(circuit.stateOf()).toMatchObject({ kind: 'suspended', reason: 'invalid-parameter' });
  });

  it('a run of refusals is the account’s where senders one after another are refused', () => {
    const count = new RefusalCount();
    const begun = Array.from({ length: 10 }, (_, n) =>
      count.refused({ sender: `S${n}`, recipient: String(n) }, 'sender'),
    );
    expect(begun.at(-1)).toBeNull();
    expect(begun.slice(0, -1)).toEqual(Array.from({ length: 9 }, () => undefined));
  });

  it('a run of refusals sets every refused message aside, with its own reason, and no two probes are out', () => {
    const { circuit, send, look } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(29));
    for (let id = 11; id <= 30; id += 1) {
      look();
      expect(circuit.mayPass('AcmeInc')).toBe('one');
      circuit.began(claimOf({ id }));
      expect(circuit.mayPass('AcmeInc')).toBe('none');
      const judged = circuit.judge(claimOf({ id }), answered(id % 2 === 0 ? 3 : 6), NOW + id);
      expect(judged.setAside).toEqual(id % 2 === 0 ? { sender: null, run: 10 } : null);
      expect(judged.verdict.route).toBe(id % 2 === 0 ? 'retry' : 'permanent-failure');
      expect(judged.changes.map(({ event }) => event)).toEqual([null]);
    }
    expect(circuit.runOf('AcmeInc')).toEqual({
      ...{ id: 10, sender: null, reason: 'not-whitelisted', refused: 11 },
    });
  });

  it.each([
    ['an answer that says wait', throttledWith('Throughput Rate Exceeded')],
    ['a time-out', unanswered()],
    ['a refusal that is the message’s own', answered(6)],
  ])('a run of refusals is not ended by %s', (_what, verdict) => {
    const { circuit, send, look } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(29));
    look();
    send(11, verdict);
    expect(circuit.runOf('AcmeInc')).toMatchObject({ id: 10 });
    expect(circuit.mayPass('AcmeInc')).toBe('none');
  });

  it('a run of refusals ends with one acceptance, also of a request that was out before it began', () => {
    const { circuit, send, claim, lines } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(29));
    const judged = circuit.judge(claim(99, 'Other', NOW - 5), answered(0), NOW + 20);
    expect(judged.ended).toEqual([{ sender: null, id: 10 }]);
    expect(judged.changes).toMatchObject([{ event: 'resumed', reason: 'not-whitelisted' }]);
    expect(circuit.mayPass('AcmeInc')).toBe('all');
    expect(lines()).toEqual(['account suspended not-whitelisted']);
  });

  it('a run of refusals of a sender is not ended by an acceptance of another sender', () => {
    const { circuit, send } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(15), 'Bad');
    send(50, answered(0), 'Good');
    expect(circuit.runOf('Bad')).toMatchObject({ sender: 'Bad' });
    expect(circuit.runOf('Good')).toBeNull();
  });

  it('outlasts a suspension for another reason', () => {
    const { circuit, send, look } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(29));
    look();
    send(11, answered(4));
    expect(circuit.stateOf()).toMatchObject({ reason: 'invalid-credentials', run: { id: 10 } });
    look();
    circuit.began(claimOf({ id: 12 }));
    const judged = circuit.judge(claimOf({ id: 12 }), answered(0), NOW + 5_000);
    expect(judged.ended).toEqual([{ sender: null, id: 10 }]);
  });

  it('a run of refusals is ended by an operator’s resume, and recipients are counted from none', () => {
    const { circuit, send, at } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(29));
    expect(circuit.setPaused(null, false, at())).toMatchObject({ event: 'resumed' });
    expect(circuit.mayPass('AcmeInc')).toBe('all');
    for (let id = 11; id <= 19; id += 1) expect(send(id, answered(29)).scope).toBe('message');
  });
});

describe('the schedule', () => {
  it('the schedule is quick at first and slower later', () => {
    expect([1, 44, 45].map(probeDelayMs)).toEqual([1_000, 1_000, 1_000]);
    expect([46, 47, 56].map((n) => Math.round(probeDelayMs(n)))).toEqual([5_000, 5_500, 12_969]);
    expect(probeDelayMs(1_000)).toBe(300_000);
  });

  it.each([0, 10, 30, 65])(
    'the schedule sends at most 100 requests in ten minutes where all is refused and %d were open',
    (open) => {
      const { requests, failed } = play({
        rows: Array(3_000).fill(false),
        answerS: 0.1,
        open,
        endS: 600,
      });
      expect(requests).toBeLessThanOrEqual(100);
      expect(failed).toBeLessThanOrEqual(10);
    },
  );

  it('the schedule gets 5 good rows among 40 bad ones out within 90 seconds, in any order', () => {
    const orders = fc.shuffledSubarray(rowsOf(40, 5), { minLength: 45, maxLength: 45 });
    const pickers = fc.array(fc.nat(), { minLength: 45, maxLength: 45 });
    const answers = fc.constantFrom(0, 0.1, 0.7, 1);
    fc.assert(
      fc.property(orders, pickers, answers, (rows, picks, answerS) => {
        const { doneS } = play({ rows, answerS, open: 0, endS: 600, picks });
        expect(doneS).toBeLessThanOrEqual(90);
      }),
      { examples: [[rowsOf(40, 5), Array<number>(45).fill(0), 1]] },
    );
  });
});

function rowsOf(bad: number, good: number): boolean[] {
  return [...Array<boolean>(bad).fill(false), ...Array<boolean>(good).fill(true)];
}

/**
 * An account that sends rows one after another, and probes at any place (`picks`) while a run is open; circuits are
 * looked at every 0.2 s. `doneS`: when the last good row was accepted.
 */
function play(of: {
  readonly rows: readonly boolean[];
  readonly answerS: number;
  /** Requests that are out when the run begins. */
  readonly open: number;
  readonly endS: number;
  readonly picks?: readonly number[];
}): { requests: number; failed: number; doneS: number } {
  const circuit = new AccountCircuit();
  const rows = of.rows.map((isGood, index) => ({ id: index + 1, isGood }));
  const done = { requests: 0, failed: 0, doneS: 0 };
  let now = NOW;
  const send = (at: number, beganAt: number): Verdict => {
    const [row = { id: 0, isGood: true }] = rows.splice(at, 1);
    const claim = claimOf({ id: row.id, claimedAt: beganAt });
    circuit.began(claim);
    now = Math.max(now, beganAt + of.answerS);
    const judged = circuit.judge(claim, answered(row.isGood ? 0 : 29), now);
    done.requests += 1;
    if (row.isGood) done.doneS = now - NOW;
    if (judged.verdict.route === 'permanent-failure') done.failed += 1;
    return judged.verdict;
  };
  let extra = of.open;
  let picked = 0;
  while (rows.length > 0 && now < NOW + of.endS) {
    const passes = circuit.mayPass('AcmeInc');
    if (passes === 'all') send(0, now);
    else if (passes === 'one') send((of.picks?.[picked++ % 45] ?? 0) % rows.length, now);
    else if (extra > 0) {
      const [row = { id: 0, isGood: true }] = rows.splice(0, 1);
      circuit.judge(claimOf({ id: row.id, claimedAt: NOW }), answered(29), now);
      done.requests += 1;
      extra -= 1;
    } else {
      now += 0.2;
      const state = circuit.stateOf();
      if (state.kind === 'suspended' && state.nextProbeAt <= now) circuit.look(null, true, now);
    }
  }
  return done;
}
