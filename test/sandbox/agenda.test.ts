/** The queue behind the receipts: whatever is added in whatever order comes out by instant, then by turn. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Agenda } from '../../src/sandbox/agenda.ts';

/** All that is due at `now`, in the order in which it is taken. */
function takeAll<Item>(agenda: Agenda<Item>, now = Infinity): readonly Item[] {
  const taken: Item[] = [];
  for (;;) {
    const item = agenda.take(now);
    if (item === null) return taken;
    taken.push(item);
  }
}

test('the agenda gives by instant, and what has the same instant in the order it was added', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (instants) => {
      const agenda = new Agenda<readonly [number, number]>();
      instants.forEach((at, index) => agenda.add(at, [at, index]));
      const sorted = instants
        .map((at, index) => [at, index] as const)
        .sort(([a, i], [b, j]) => a - b || i - j);
      expect(takeAll(agenda)).toEqual(sorted);
    }),
  );
});

test('the agenda gives only what is due, and says when the next is, however taking and adding alternate', () => {
  const step = fc.record({ add: fc.array(fc.nat(50), { maxLength: 5 }), now: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const agenda = new Agenda<number>();
      let waiting: number[] = [];
      for (const { add, now } of steps) {
        for (const at of add) agenda.add(at, at);
        waiting = [...waiting, ...add].sort((a, b) => a - b);
        expect(takeAll(agenda, now)).toEqual(waiting.filter((at) => at <= now));
        waiting = waiting.filter((at) => at > now);
        expect(agenda.nextAt).toBe(waiting[0] ?? null);
      }
    }),
  );
});

test('the agenda is empty once it was cleared', () => {
  const agenda = new Agenda<string>();
  agenda.add(1, 'a');
  agenda.clear();
  expect([agenda.nextAt, agenda.take(2)]).toEqual([null, null]);
});
