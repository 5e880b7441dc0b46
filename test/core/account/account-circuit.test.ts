/**
 * The trouble of an account: what is the message's own fault and what is not, and when a circuit shuts. Answers
 * come from the real classifier.
 */
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/core/answer/verdict.ts';
import { setup } from '../../support/account-health.ts';
import { answered, claimOf, http, neverLeft, NOW, unanswered } from '../../support/verdicts.ts';

describe('a gateway that does not answer', () => {
  it('a gateway that does not answer is down from the fifth unanswered request in a row, and no answer between', () => {
    const { circuit, send, lines } = setup();
    for (const id of [1, 2, 3, 4]) send(id, unanswered());
    send(5, answered(6));
    for (const id of [6, 7, 8, 9]) send(id, http(503));
    expect(circuit.stateOf().kind).toBe('active');
    expect(send(10, unanswered()).route).toBe('uncertain');
    expect(circuit.stateOf()).toMatchObject({
      kind: 'suspended',
      reason: 'gateway-down',
      by: 'time',
    });
    expect(lines()).toEqual(['account suspended gateway-down']);
  });

  it('a gateway that does not answer is down at once when nothing can leave', () => {
    const { circuit, send } = setup();
    expect(send(1, neverLeft())).toMatchObject({ route: 'retry', scope: 'account' });
    expect(circuit.stateOf()).toMatchObject({ reason: 'gateway-down' });
  });

  it('a gateway that does not answer is tried by one message at a time, each later than the last, with no line', () => {
    const { circuit, send, look, lines, waitsFor } = setup();
    for (let id = 1; id <= 5; id += 1) send(id, unanswered());
    lines();
    const waits: number[] = [];
    for (let id = 6; id <= 15; id += 1) {
      waits.push(waitsFor());
      look();
      expect(circuit.mayPass('AcmeInc')).toBe('one');
      circuit.began(claimOf({ id }));
      expect(circuit.mayPass('AcmeInc')).toBe('none');
      send(id, unanswered());
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    expect(lines()).toEqual([]);
  });

  it('a gateway that does not answer leaves uncertain no more than the first five, the others that were out, and the probes', () => {
    const concurrency = 10;
    const { circuit, send, judge, look } = setup();
    let uncertain = 0;
    const met = (verdict: Verdict): void =>
      void (uncertain += verdict.route === 'uncertain' ? 1 : 0);
    for (let id = 1; id <= 5; id += 1) met(send(id, http(503)));
    for (let id = 6; id < 5 + concurrency; id += 1) met(judge(id, http(503), 'AcmeInc', NOW));
    /* Two minutes of 503: looks after 1, 3, 7, 15, 31 and 63 seconds. Then one of refused connections. */
    for (let id = 100; id < 106; id += 1) {
      look();
      met(send(id, http(503)));
    }
    look();
    met(send(106, neverLeft()));
    expect(uncertain).toBeLessThanOrEqual(11 + concurrency);
    look();
    met(send(107, answered(0)));
    expect(circuit.stateOf().kind).toBe('active');
    expect(uncertain).toBe(20);
  });

  it('a gateway that does not answer is up again with any answer to a request that left since, even a refusal', () => {
    const { circuit, send, judge, look, lines } = setup();
    for (let id = 1; id <= 5; id += 1) send(id, unanswered());
    judge(7, answered(0), 'AcmeInc', NOW - 1);
    expect(circuit.stateOf().kind).toBe('suspended');
    look();
    send(6, answered(6));
    expect(circuit.stateOf().kind).toBe('active');
    expect(lines().at(-1)).toBe('account resumed gateway-down');
  });
});

describe('trouble of the account', () => {
  it.each([
    ['wrong credentials', answered(4), 'invalid-credentials'],
    ['no credit', answered(9), 'quota-exceeded'],
    ['a wrong address', http(404), 'http-404'],
    ['a redirect', http(302), 'http-302'],
  ])('suspends it at once, and asks the balance later: %s', (_what, verdict, reason) => {
    const { circuit, send, lines, waitsFor } = setup();
    send(1, verdict);
    expect(circuit.stateOf()).toMatchObject({ kind: 'suspended', reason, by: 'balance' });
    expect(waitsFor()).toBe(120);
    expect(lines()).toEqual([`account suspended ${reason}`]);
  });

  it('trouble of the account that persists is asked about less and less, with no new line', () => {
    const { send, look, lines, waitsFor } = setup();
    send(1, answered(4));
    lines();
    look();
    send(2, answered(4));
    expect(waitsFor()).toBe(240);
    look(false);
    expect(waitsFor()).toBe(480);
    expect(lines()).toEqual([]);
  });

  it('trouble of the account that changes is said, and its waits start again', () => {
    const { send, look, lines, waitsFor } = setup();
    send(1, answered(4));
    look();
    send(2, answered(9));
    expect(waitsFor()).toBe(120);
    expect(lines()).toEqual([
      'account suspended invalid-credentials',
      'account suspended quota-exceeded',
    ]);
  });

  it('trouble of the account is over with the first message that gets through', () => {
    const { circuit, send, look, lines } = setup();
    send(1, answered(9));
    look();
    send(2, answered(0));
    expect(circuit.mayPass('AcmeInc')).toBe('all');
    expect(lines().at(-1)).toBe('account resumed quota-exceeded');
  });

  it('trouble of the account is asked about no sooner than after two minutes when it outlasts a restart', () => {
    const before = setup();
    before.send(1, answered(4));
    const { circuit, send, lines, waitsFor } = setup();
    const state = before.circuit.stateOf();
    if (state.kind === 'suspended') circuit.restore(null, { ...state, by: 'time', delayMs: 1000 });
    expect(circuit.mayPass('AcmeInc')).toBe('one');
    send(2, answered(4));
    expect(waitsFor()).toBe(120);
    expect(lines()).toEqual([]);
  });
});

describe('a poison message', () => {
  it('a poison message fails alone when it suspends again after another got through', () => {
    const { circuit, send, look, lines } = setup();
    send(1, answered(11));
    expect(circuit.isSuspect(1)).toBe(true);
    look();
    send(2, answered(0));
    expect(send(1, answered(11))).toMatchObject({
      route: 'permanent-failure',
      scope: 'message',
      reason: 'refused-alone',
      acts: [],
    });
    expect(circuit.stateOf().kind).toBe('active');
    expect(lines()).toEqual([
      'account suspended account-not-http',
      'account resumed account-not-http',
    ]);
  });

  it('a poison message is not told by a message that was out already when it was refused', () => {
    const { circuit, judge, look, send } = setup();
    send(1, answered(9));
    judge(2, answered(0), 'AcmeInc', NOW);
    look();
    expect(send(1, answered(9)).route).toBe('retry');
    expect(circuit.stateOf().kind).toBe('suspended');
  });

  it('a poison message is cleared by its own acceptance', () => {
    const { circuit, send, look } = setup();
    send(1, answered(9));
    look();
    send(1, answered(0));
    expect(circuit.isSuspect(1)).toBe(false);
  });
});

describe('the same refusal again and again', () => {
  it('the same refusal again and again of a failing gateway is the account’s trouble from 5 recipients', () => {
    const { circuit, send, waitsFor } = setup();
    const verdict = answered(5);
    for (let id = 1; id < 5; id += 1) expect(send(id, verdict)).toEqual(verdict);
    expect(circuit.stateOf().kind).toBe('active');
    expect(send(5, verdict)).toMatchObject({ route: 'retry', scope: 'account' });
    expect(circuit.stateOf()).toMatchObject({
      kind: 'suspended',
      reason: verdict.reason,
      run: null,
    });
    expect(waitsFor()).toBe(1);
    expect(send(6, verdict)).toMatchObject({ route: 'retry', scope: 'account' });
  });

  it('the same refusal again and again counts recipients, not requests, and starts again with a 0', () => {
    const { circuit, send } = setup();
    for (let times = 1; times < 20; times += 1) send(1, answered(5));
    for (let id = 2; id < 5; id += 1) send(id, answered(5));
    send(50, answered(0));
    for (let id = 2; id < 6; id += 1) send(id, answered(5));
    expect(circuit.stateOf().kind).toBe('active');
    send(6, answered(5));
    expect(circuit.stateOf().kind).toBe('suspended');
  });

  it('suspends the sender alone where it is the sender’s, whatever others get through', () => {
    const { circuit, send, look, lines } = setup();
    for (let id = 1; id <= 10; id += 1) {
      send(id, answered(15), 'Bad');
      send(100 + id, answered(0), 'Good');
    }
    expect(circuit.mayPass('Bad')).toBe('none');
    expect(circuit.mayPass('Good')).toBe('all');
    expect(lines()).toEqual(['Bad suspended invalid-sender']);
    look(true, 'Bad');
    expect(circuit.mayPass('Bad')).toBe('one');
    expect(send(11, answered(15), 'Bad')).toMatchObject({ route: 'retry', scope: 'sender' });
    expect(circuit.runOf('Bad')).toMatchObject({ sender: 'Bad', refused: 2 });
    expect(lines()).toEqual([]);
  });
});
