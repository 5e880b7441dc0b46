/** How a circuit opens again: probes that tell something and probes that tell nothing, and operators. */
import { describe, expect, it } from 'vitest';
import { setup } from '../../support/account-health.ts';
import { answered, neverLeft, throttledWith, unanswered } from '../../support/verdicts.ts';

describe('a probe', () => {
  const suspendSender = (kit: ReturnType<typeof setup>): void => {
    for (let id = 1; id <= 10; id += 1) kit.send(id, answered(15), 'Bad');
    kit.look(true, 'Bad');
  };

  it.each([
    ['went unanswered', unanswered()],
    ['met trouble of the account', answered(9)],
    ['never left', neverLeft()],
  ])('a probe of a sender that %s leaves the sender half-open', (_what, verdict) => {
    const kit = setup();
    suspendSender(kit);
    kit.send(11, verdict, 'Bad');
    expect(kit.circuit.stateOf('Bad')).toMatchObject({ isHalfOpen: true, probeId: null });
  });

  it('a probe of an account that meets trouble of its sender opens the account', () => {
    const kit = setup();
    for (let id = 1; id <= 9; id += 1) kit.send(id, answered(15), 'Bad');
    kit.send(20, answered(4));
    kit.look();
    kit.send(10, answered(15), 'Bad');
    expect(kit.circuit.stateOf().kind).toBe('active');
    expect(kit.circuit.stateOf('Bad').kind).toBe('suspended');
  });

  it('a probe that is refused alone after a run of refusals opens the circuit', () => {
    const kit = setup();
    for (let id = 1; id <= 5; id += 1) kit.send(id, answered(5));
    kit.look();
    kit.send(6, answered(0));
    for (let id = 11; id <= 14; id += 1) kit.send(id, answered(5));
    kit.send(15, answered(5));
    kit.look();
    expect(kit.send(5, answered(5)).reason).toBe('refused-alone');
    expect(kit.circuit.stateOf().kind).toBe('active');
  });

  it('a probe that comes back unsent leaves the circuit half-open', () => {
    const { circuit, send, look, claim } = setup();
    send(1, answered(4));
    look();
    circuit.began(claim(2));
    circuit.returned(claim(3));
    expect(circuit.mayPass('AcmeInc')).toBe('none');
    circuit.returned(claim(2));
    expect(circuit.mayPass('AcmeInc')).toBe('one');
  });

  it('a probe that is throttled has been answered: the account is well', () => {
    const { circuit, send, look } = setup();
    send(1, answered(4));
    look();
    send(2, throttledWith('Throughput Rate Exceeded - please wait [ 250 ] and retry'));
    expect(circuit.stateOf().kind).toBe('active');
  });
});

describe('an operator', () => {
  it('an operator pauses and resumes, and is told when there is nothing to do', () => {
    const { circuit, at } = setup();
    expect(circuit.setPaused(null, false, at())).toBeNull();
    expect(circuit.setPaused('Bad', true, at())).toMatchObject({ event: 'paused', sender: 'Bad' });
    expect(circuit.setPaused('Bad', true, at())).toBeNull();
    expect(circuit.mayPass('Bad')).toBe('none');
    expect(circuit.mayPass('Good')).toBe('all');
    expect(circuit.setPaused('Bad', false, at())).toMatchObject({ event: 'resumed' });
    expect(circuit.mayPass('Bad')).toBe('all');
  });

  it('an operator who resumes a suspended account lets one message try at once', () => {
    const { circuit, send, at } = setup();
    send(1, answered(4));
    expect(circuit.setPaused(null, false, at())).toMatchObject({ event: null });
    expect(circuit.mayPass('AcmeInc')).toBe('one');
  });

  it('an operator who paused is not overruled by an answer', () => {
    const { circuit, judge, at } = setup();
    circuit.setPaused(null, true, at());
    for (let id = 1; id <= 6; id += 1) judge(id, unanswered());
    judge(7, answered(4));
    judge(8, answered(0));
    expect(circuit.stateOf().kind).toBe('paused');
  });
});

describe('the account and a sender both half-open', () => {
  it('let one message through, which proves both', () => {
    const { circuit, send, look } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(15), 'Bad');
    send(20, answered(9));
    look(true, 'Bad');
    expect(circuit.mayPass('Bad')).toBe('none');
    look();
    expect(circuit.mayPass('Bad')).toBe('one');
    send(21, answered(0), 'Bad');
    expect(circuit.stateOf().kind).toBe('active');
    expect(circuit.stateOf('Bad').kind).toBe('active');
  });
});
