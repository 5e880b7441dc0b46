// An account's health and a hand for it: messages go out and are answered at instants that only grow.
import { AccountCircuit, type CircuitChange } from '../../src/core/account/account-circuit.ts';
import type { Verdict } from '../../src/core/answer/verdict.ts';
import { claimOf, NOW } from './verdicts.ts';

/** `send` is one message out and answered; `judge` an answer that comes late. */
export function setup() {
  const circuit = new AccountCircuit();
  let now = NOW;
  const changes: CircuitChange[] = [];
  const claim = (id: number, sender = 'AcmeInc', claimedAt = now) =>
    claimOf({ id, sender, claimedAt });
  const judge = (id: number, verdict: Verdict, sender = 'AcmeInc', claimedAt = now): Verdict => {
    const judged = circuit.judge(claim(id, sender, claimedAt), verdict, now);
    changes.push(...judged.changes);
    return judged.verdict;
  };
  const send = (id: number, verdict: Verdict, sender = 'AcmeInc'): Verdict => {
    circuit.began(claim(id, sender));
    now += 1;
    return judge(id, verdict, sender, now - 1);
  };
  /** The time of the next look has come, and whoever was asked said `hasPassed`. */
  const look = (hasPassed = true, sender: string | null = null): void => {
    const state = circuit.stateOf(sender);
    if (state.kind === 'suspended') now = Math.max(now, state.nextProbeAt);
    const change = circuit.look(sender, hasPassed, now);
    if (change !== null) changes.push(change);
  };
  const lines = (): readonly string[] =>
    changes
      .splice(0)
      .flatMap(({ event, sender, reason }) =>
        event === null ? [] : [`${sender ?? 'account'} ${event} ${reason ?? ''}`],
      );
  const waitsFor = (sender: string | null = null): number => {
    const state = circuit.stateOf(sender);
    return state.kind === 'suspended' ? state.nextProbeAt - now : NaN;
  };
  return { circuit, claim, judge, send, look, lines, waitsFor, at: () => now };
}
