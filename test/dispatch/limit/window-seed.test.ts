/** What left since an instant, as a rule asks that is new: on a spool with everything in it that does not count. */
import { describe, expect, it } from 'vitest';
import { spoolHistory, type NewWindow } from '../../../src/dispatch/limit/window-seed.ts';
import { Zone } from '../../../src/core/time/zone.ts';
import type { Settlement } from '../../../src/core/answer/settle.ts';
import type { AttemptEnd } from '../../../src/spool/write/settlements.ts';
import { ACCEPTED, END, NOW, PART, setup as setupSpool } from '../../support/spool.ts';
import { policyWith } from '../../support/policy.ts';

const POLICY = policyWith({ defaultSenders: new Map([['main', 'AcmeInc']]) });
const MINUTE = { count: 10, span: 'min' } as const;
const DAY = { count: 10, span: 'day' } as const;

interface Ending {
  readonly at?: number;
  readonly end?: Partial<AttemptEnd>;
  readonly settlement?: Partial<Settlement>;
  readonly parts?: number;
}

function setup() {
  const bundle = setupSpool();
  const { spool, other, commit, claim } = bundle;
  /** A message that was claimed, and how its request ended; gives its id. */
  const sent = (
    sender: string | null,
    ending: Ending = {},
    account: string | null = null,
  ): number => {
    const id = other.drop({
      ...(sender === null ? {} : { sender }),
      ...(account === null ? {} : { account }),
    });
    claim(id);
    const { at = NOW, end = {}, settlement = {}, parts = 1 } = ending;
    const number = Number(other.message(id)['last_attempt']);
    const to = { ...ACCEPTED, ...settlement };
    commit(() => {
      spool.settlements.write([
        {
          claim: { id, number, price: null },
          settlement: to,
          end: { ...END, endedAt: at, ...end },
          parts: Array.from({ length: parts }, () => PART),
        },
      ]);
      const event = { at, messageId: id, account: account ?? 'main', sender: sender ?? 'AcmeInc' };
      const states = {
        event: 'message.retry',
        from: 'sending',
        to: to.to,
        reason: to.reason,
      } as const;
      spool.events.append([{ row: { ...event, ...states, attempt: number } }]);
    });
    return id;
  };
  const used = (over: Partial<NewWindow> = {}): number => {
    const asked: NewWindow = {
      ...{ window: DAY, per: 'request', zone: new Zone('UTC'), counts: () => true },
      after: -Infinity,
      ...over,
    };
    const state = spoolHistory(spool, 'main', POLICY)(asked, NOW);
    return state.used.reduce((sum, [, count]) => sum + count, 0);
  };
  return { ...bundle, sent, used };
}

describe('what left', () => {
  it('what left is counted by sender, NULL being the account’s own, and by request or part', () => {
    const { sent, used } = setup();
    sent(null, { parts: 3 });
    sent('AcmeInc');
    sent('Shop', { parts: 2 });
    sent('Shop', {}, 'second');
    expect(used()).toBe(3);
    expect(used({ counts: (sender) => sender === 'AcmeInc' })).toBe(2);
    expect(used({ per: 'part' })).toBe(6);
  });

  it('what left is counted where nobody answered, and not where it surely never left', () => {
    const { sent, used } = setup();
    const nothing = { httpStatus: null, status: null, traceId: null };
    sent(null, { end: { ...nothing, route: 'uncertain' }, parts: 0 });
    sent(null, { end: { httpStatus: 429, status: null, route: 'retry' }, parts: 0 });
    expect(used({ per: 'part' })).toBe(2);
    sent(null, { end: { ...nothing, route: 'retry', scope: 'account' }, parts: 0 });
    sent(null, { end: { ...nothing, route: 'not-sent' }, parts: 0 });
    expect(used()).toBe(2);
  });

  it('what left is counted from the midnight of the zone, or a minute back, in pieces', () => {
    const { spool, sent, used } = setup();
    const midnight = NOW - (NOW % 86_400);
    sent(null, { at: midnight - 1 });
    sent(null, { at: midnight + 1 });
    sent(null, { at: NOW - 61 });
    sent(null, { at: NOW - 59 });
    expect(used()).toBe(3);
    expect(used({ zone: new Zone('Asia/Tokyo') })).toBe(4);
    expect(used({ window: MINUTE })).toBe(1);
    const asked = { per: 'request', zone: new Zone('UTC'), counts: () => true } as const;
    const state = spoolHistory(
      spool,
      'main',
      POLICY,
    )({ ...asked, window: MINUTE, after: -Infinity }, NOW);
    const endsAt = state.used[0]?.[0] ?? 0;
    expect(endsAt).toBeGreaterThan(NOW - 59);
    expect(endsAt).toBeLessThanOrEqual(NOW - 58.5);
  });

  it('what left is what was claimed later than a row was saved, where there is one', () => {
    const { sent, used } = setup();
    sent(null);
    expect(used({ after: NOW - 1 })).toBe(1);
    expect(used({ after: NOW })).toBe(0);
  });

  it('what left has with it what is out at that moment, as many parts as are predicted', () => {
    const { other, claim, spool, used } = setup();
    claim(other.drop({ text: 'x'.repeat(300) }), other.drop({ account: 'second' }));
    expect(used()).toBe(1);
    expect(used({ per: 'part' })).toBe(2);
    const asked = { per: 'part', zone: new Zone('UTC'), counts: () => true } as const;
    const history = spoolHistory(spool, 'main', POLICY);
    const state = history({ ...asked, window: MINUTE, after: -Infinity }, NOW);
    expect(state).toEqual({ at: NOW, used: [], open: [[0, 2]] });
  });
});
