import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isRolledBack,
  type Remembered,
  type SpoolRun,
  type RunHistory,
} from '../../../src/core/spool-state/rollback.ts';

const runs = (...all: readonly (readonly [string, number])[]): readonly SpoolRun[] =>
  all.map(([nonce, from]) => ({ nonce, from }));
const told = (
  seq: number,
  of = runs(['a', 0], ['b', 10]),
  identity: string | null = 'I',
): RunHistory => ({
  ...{ identity, runs: of, seq },
});
const state = (nonce: string, seq: number, identity = 'I'): Remembered => ({
  ...{ identity, nonce, seq },
});

describe('a spool is rolled back', () => {
  it('a spool is rolled back where it does not know the run that is remembered', () => {
    expect(isRolledBack(told(20), [state('c', 20)])).toBe(true);
    expect(isRolledBack(told(0, []), [state('a', 0)])).toBe(true);
  });

  it('a spool is rolled back where it knows fewer events than are remembered', () => {
    expect(isRolledBack(told(20), [state('b', 21)])).toBe(true);
  });

  it('a spool is rolled back where it went on from an earlier state than is remembered', () => {
    expect(isRolledBack(told(99), [state('a', 11)])).toBe(true);
  });

  it('a spool is rolled back where it is of a version that drew no identity, and something else is remembered', () => {
    expect(isRolledBack(told(0, [], null), [state('a', 0)])).toBe(true);
  });
});

describe('a spool is not rolled back', () => {
  it('a spool is not rolled back where nothing is remembered of it', () => {
    expect(isRolledBack(told(20), [])).toBe(false);
    expect(isRolledBack(told(0, [], 'J'), [state('a', 20)])).toBe(false);
  });

  it('a spool is not rolled back where it is as it is remembered, or farther', () => {
    expect(isRolledBack(told(20), [state('b', 20)])).toBe(false);
    expect(isRolledBack(told(25), [state('b', 20)])).toBe(false);
    expect(isRolledBack(told(20), [state('a', 10)])).toBe(false);
  });
});

it('a rolled-back spool is found out for each copy of before what was noted last, and for no other', () => {
  const steps = fc.array(fc.constantFrom('event', 'start', 'note', 'copy'), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (all) => {
      let story = told(0, []);
      let memory: readonly Remembered[] = [];
      const copies: RunHistory[] = [];
      for (const [index, step] of all.entries()) {
        const { seq } = story;
        if (step === 'event') story = { ...story, seq: seq + 1 };
        if (step === 'copy') copies.push(story);
        if (step === 'start') {
          story = { ...story, runs: [...story.runs, { nonce: `run ${index}`, from: seq }] };
        }
        const { nonce } = story.runs.at(-1) ?? { nonce: null };
        const isNoted = nonce !== null && (step === 'start' || step === 'note');
        if (isNoted) memory = [state(nonce, seq)];
      }
      expect(isRolledBack(story, memory)).toBe(false);
      for (const copy of copies) {
        const isOlder = copy.runs.length < story.runs.length || copy.seq < (memory[0]?.seq ?? 0);
        expect(isRolledBack(copy, memory)).toBe(isOlder);
      }
    }),
  );
});
