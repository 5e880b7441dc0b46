import { expect, it } from 'vitest';
import { NEXT, STATES, type State } from '../../../src/core/message/message.ts';

const next = (state: State): readonly State[] => NEXT[state];

it('every state has its row, and leads only to states', () => {
  expect(Object.keys(NEXT).sort()).toEqual([...STATES].sort());
  for (const state of STATES) {
    expect(STATES).toEqual(expect.arrayContaining([...next(state)]));
    expect(next(state)).not.toContain(state);
    expect(new Set(next(state)).size).toBe(next(state).length);
  }
});

it('a receipt beats every state that says not sent', () => {
  for (const state of ['queued', 'retry', 'permanent-failure', 'expired', 'cancelled'] as const) {
    expect(next(state)).toEqual(
      expect.arrayContaining(['await-receipt', 'delivered', 'undelivered']),
    );
  }
});

it('only waiting messages are claimed, and an open attempt can always become uncertain', () => {
  expect(STATES.filter((state) => next(state).includes('sending'))).toEqual(['queued', 'retry']);
  expect(next('sending')).toContain('uncertain');
  expect(next('sending')).not.toContain('expired');
});

it('what was accepted is never sent again by itself', () => {
  expect(next('await-receipt')).toEqual(['delivered', 'undelivered', 'unconfirmed']);
  expect(next('delivered')).toEqual([]);
});
