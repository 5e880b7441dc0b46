/** How a gate opens again: probes that tell something and probes that tell nothing, and operators. */
import { describe, expect, it } from 'vitest';
import { setup } from '../support/account-health.ts';
import { answered, neverLeft, throttledWith, unanswered } from '../support/verdicts.ts';

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
    expect(kit.health.gate('Bad')).toMatchObject({ isHalfOpen: true, probeId: null });
  });

  it('a probe of an account that meets trouble of its sender opens the account', () => {
    const kit = setup();
    for (let id = 1; id <= 9; id += 1) kit.send(id, answered(15), 'Bad');
    kit.send(20, answered(4));
    kit.look();
    kit.send(10, answered(15), 'Bad');
    expect(kit.health.gate().kind).toBe('active');
    expect(kit.health.gate('Bad').kind).toBe('suspended');
  });

  it('a probe that is refused alone after a run of refusals opens the gate', () => {
    const kit = setup();
    for (let id = 1; id <= 5; id += 1) kit.send(id, answered(5));
    kit.look();
    kit.send(6, answered(0));
    for (let id = 11; id <= 14; id += 1) kit.send(id, answered(5));
    kit.send(15, answered(5));
    kit.look();
    expect(kit.send(5, answered(5)).reason).toBe('refused-alone');
    expect(kit.health.gate().kind).toBe('active');
  });

  it('a probe that comes back unsent leaves the gate half-open', () => {
    const { health, send, look, claim } = setup();
    send(1, answered(4));
    look();
    health.began(claim(2));
    health.returned(claim(3));
    expect(health.mayPass('AcmeInc')).toBe('none');
    health.returned(claim(2));
    expect(health.mayPass('AcmeInc')).toBe('one');
  });

  it('a probe that is throttled has been answered: the account is well', () => {
    const { health, send, look } = setup();
    send(1, answered(4));
    look();
    send(2, throttledWith('Throughput Rate Exceeded - please wait [ 250 ] and retry'));
    expect(health.gate().kind).toBe('active');
  });
});

describe('an operator', () => {
  it('an operator pauses and resumes, and is told when there is nothing to do', () => {
    const { health, at } = setup();
    expect(health.setPaused(null, false, at())).toBeNull();
    expect(health.setPaused('Bad', true, at())).toMatchObject({ event: 'paused', sender: 'Bad' });
    expect(health.setPaused('Bad', true, at())).toBeNull();
    expect(health.mayPass('Bad')).toBe('none');
    expect(health.mayPass('Good')).toBe('all');
    expect(health.setPaused('Bad', false, at())).toMatchObject({ event: 'resumed' });
    expect(health.mayPass('Bad')).toBe('all');
  });

  it('an operator who resumes a suspended account lets one message try at once', () => {
    const { health, send, at } = setup();
    send(1, answered(4));
    expect(health.setPaused(null, false, at())).toMatchObject({ event: null });
    expect(health.mayPass('AcmeInc')).toBe('one');
  });

  it('an operator who paused is not overruled by an answer', () => {
    const { health, judge, at } = setup();
    health.setPaused(null, true, at());
    for (let id = 1; id <= 6; id += 1) judge(id, unanswered());
    judge(7, answered(4));
    judge(8, answered(0));
    expect(health.gate().kind).toBe('paused');
  });
});

describe('the account and a sender both half-open', () => {
  it('let one message through, which proves both', () => {
    const { health, send, look } = setup();
    for (let id = 1; id <= 10; id += 1) send(id, answered(15), 'Bad');
    send(20, answered(9));
    look(true, 'Bad');
    expect(health.mayPass('Bad')).toBe('none');
    look();
    expect(health.mayPass('Bad')).toBe('one');
    send(21, answered(0), 'Bad');
    expect(health.gate().kind).toBe('active');
    expect(health.gate('Bad').kind).toBe('active');
  });
});
