// An account's health and a hand for it: messages go out and are answered at instants that only grow.
import { AccountCircuit, type GateChange } from '../../src/core/account/account-circuit.ts';
import type { Verdict } from '../../src/core/answer/verdict.ts';
import { claimOf, NOW } from './verdicts.ts';

/** `send` is one message out and answered; `judge` an answer that comes late. */
export function setup() {
  const health = new AccountCircuit();
  let now = NOW;
  const changes: GateChange[] = [];
  const claim = (id: number, sender = 'AcmeInc', claimedAt = now) =>
    claimOf({ id, sender, claimedAt });
  const judge = (id: number, verdict: Verdict, sender = 'AcmeInc', claimedAt = now): Verdict => {
    const judged = health.judge(claim(id, sender, claimedAt), verdict, now);
    changes.push(...judged.changes);
    return judged.verdict;
  };
  const send = (id: number, verdict: Verdict, sender = 'AcmeInc'): Verdict => {
    health.began(claim(id, sender));
    now += 1;
    return judge(id, verdict, sender, now - 1);
  };
  /** The time of the next look has come, and whoever was asked said `hasPassed`. */
  const look = (hasPassed = true, sender: string | null = null): void => {
    const gate = health.gate(sender);
    if (gate.kind === 'suspended') now = Math.max(now, gate.nextProbeAt);
    const change = health.look(sender, hasPassed, now);
    if (change !== null) changes.push(change);
  };
  const lines = (): readonly string[] =>
    changes
      .splice(0)
      .flatMap(({ event, sender, reason }) =>
        event === null ? [] : [`${sender ?? 'account'} ${event} ${reason ?? ''}`],
      );
  const waitsFor = (sender: string | null = null): number => {
    const gate = health.gate(sender);
    return gate.kind === 'suspended' ? gate.nextProbeAt - now : NaN;
  };
  return { health, claim, judge, send, look, lines, waitsFor, at: () => now };
}
