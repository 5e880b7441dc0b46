/** The modes of the loop: where each leads, and what it allows. */
import { expect, it } from 'vitest';
import { LoopMode, type Mode } from '../../../src/dispatch/loop/mode.ts';

const ALL: readonly Mode[] = ['starting', 'running', 'draining', 'broken', 'stopped'];

/** A loop that came to a mode by the way that is given. */
function after(...way: readonly Mode[]): LoopMode {
  const mode = new LoopMode();
  for (const to of way) expect(mode.move(to)).toBe(true);
  return mode;
}

const WAYS: Readonly<Record<Mode, readonly Mode[]>> = {
  starting: [],
  running: ['running'],
  draining: ['running', 'draining'],
  broken: ['running', 'broken'],
  stopped: ['running', 'draining', 'stopped'],
};

it.each([
  ['starting', ['running', 'stopped'], { turn: false, step: false, claim: false }],
  ['running', ['draining', 'broken', 'stopped'], { turn: true, step: true, claim: true }],
  ['draining', ['broken', 'stopped'], { turn: true, step: true, claim: false }],
  ['broken', ['stopped'], { turn: true, step: false, claim: false }],
  ['stopped', [], { turn: false, step: false, claim: false }],
] as const)('a loop that is %s moves to %j only', (name, next, may) => {
  for (const to of ALL) {
    const mode = after(...WAYS[name]);
    expect(mode).toMatchObject({ may });
    const isAllowed = (next as readonly Mode[]).includes(to);
    expect(mode.move(to)).toBe(isAllowed);
    expect(mode.name).toBe(isAllowed ? to : name);
  }
});
