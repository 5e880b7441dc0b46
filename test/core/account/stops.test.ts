import { describe, expect, it } from 'vitest';
import {
  sentenceOf,
  stopFor,
  stopsOf,
  type CircuitFact,
  type StopFacts,
} from '../../../src/core/account/stops.ts';
import { STATUS_CODES } from '../../../src/core/codes/status-codes.ts';

const NOW = 1_795_425_300;
const FACTS: StopFacts = {
  now: NOW,
  daemon: { isRunning: true, since: NOW - 60, hasRun: true },
  restored: null,
  circuits: [],
  unknown: [],
  trouble: null,
  isLogWritten: true,
  place: {
    start: 'systemctl start sms-spoold',
    spool: '/var/lib/s.db',
    secretOf: () => ({ from: 'credential', path: null }),
  },
};
const CIRCUIT: CircuitFact = {
  ...{ account: 'main', sender: null, state: 'suspended', reason: 'quota-exceeded' },
  ...{ since: NOW - 9, nextProbeAt: NOW + 60, blockedUntil: null },
};
const shape = (seconds: number): string => `T${seconds - NOW}`;

const only = (over: Partial<StopFacts>) => {
  const stops = stopsOf({ ...FACTS, ...over });
  expect(stops).toHaveLength(1);
  const [stop] = stops;
  if (stop === undefined) throw new Error('nothing is stopped');
  return { stop, words: sentenceOf(stop, shape) };
};

/** What is known → the sentence, and what the remedy must name. */
const TABLE: readonly (readonly [Partial<StopFacts>, string, string])[] = [
  [
    { daemon: { isRunning: false, since: NOW - 7, hasRun: true } },
    'no daemon runs on this spool since T-7',
    'systemctl start sms-spoold',
  ],
  [
    { daemon: { isRunning: false, since: null, hasRun: false } },
    'no daemon has run on this spool yet',
    'systemctl start sms-spoold',
  ],
  [
    { restored: { at: NOW - 5, isRolledBack: false } },
    'this spool was restored from a backup of T-5; nobody has decided',
    'sms-spoold resume --restored=hold',
  ],
  [
    { restored: { at: NOW - 5, isRolledBack: true } },
    'this spool is an older state of itself, of about T-5; nobody has decided',
    'sms-spoold resume --restored=resend',
  ],
  [
    { trouble: { kind: 'disk-full', since: NOW } },
    'the disk of the spool is full since T0',
    'df -h',
  ],
  [
    { trouble: { kind: 'locked', since: NOW - 6 } },
    'another program holds the write lock of the spool since T-6',
    'fuser -v /var/lib/s.db',
  ],
  [{ isLogWritten: false }, 'the status log is not written', 'df -h'],
  [
    { circuits: [CIRCUIT] },
    'account main is suspended (quota-exceeded) since T-9; tried again at T60',
    'sms-spoold resume main',
  ],
  [
    { circuits: [{ ...CIRCUIT, sender: 'Acme' }] },
    'sender Acme of account main is suspended (quota-exceeded) since T-9; tried again at T60',
    'sms-spoold resume main --sender Acme',
  ],
  [
    { circuits: [{ ...CIRCUIT, state: 'paused', reason: 'operator' }] },
    'account main is paused (operator) since T-9',
    'sms-spoold resume main',
  ],
  [
    { circuits: [{ ...CIRCUIT, account: '*', state: 'paused', reason: 'operator' }] },
    'everything is paused (operator) since T-9',
    'sms-spoold resume --all',
  ],
  [
    { circuits: [{ ...CIRCUIT, reason: 'spend-limit' }] },
    'account main is suspended (spend-limit) since T-9; tried again at T60',
    'safety.spend_per_day',
  ],
  [
    { circuits: [{ ...CIRCUIT, reason: 'low-balance' }] },
    'account main is suspended (low-balance) since T-9; tried again at T60',
    'sms-spoold resume main',
  ],
  [
    { circuits: [{ ...CIRCUIT, state: 'active', reason: null, blockedUntil: NOW + 30 }] },
    'account main is throttled until T30',
    'rate',
  ],
  [
    { unknown: [{ account: 'nope', since: NOW - 3 }] },
    'account nope is not configured; its messages wait since T-3',
    'add [accounts.nope]',
  ],
  [
    { unknown: [{ account: null, since: null }] },
    'no account is the default; messages that name none wait',
    'default = true',
  ],
];

describe('the list of what is stopped', () => {
  it.each(TABLE)(
    'the list of what is stopped of %j is %j with a remedy that names %j',
    (over, words, remedy) => {
      const found = only(over);
      expect(found.words).toBe(words);
      expect(found.stop.remedy).toContain(remedy);
      expect(found.stop.meaning).toMatch(/\.$/);
    },
  );

  it('the list of what is stopped is empty while messages go, also over a lock of a moment and a short wait of the gateway', () => {
    const circuits = [{ ...CIRCUIT, state: 'active', reason: null, blockedUntil: NOW + 2 }];
    expect(stopsOf({ ...FACTS, circuits, trouble: { kind: 'locked', since: NOW - 1 } })).toEqual(
      [],
    );
  });

  it('the list of what is stopped has a meaning and a remedy for every code of the gateway and for a reason nobody knows', () => {
    for (const reason of [...STATUS_CODES.map(({ name }) => name), 'never-heard-of', 'toString']) {
      const { stop } = only({ circuits: [{ ...CIRCUIT, reason }] });
      expect(stop.meaning.length).toBeGreaterThan(10);
      expect(stop.remedy.length).toBeGreaterThan(10);
    }
  });

  it('a wrong secret is taken up by what its origin needs', () => {
    const of = (from: 'env' | 'file' | 'credential' | 'configuration'): string => {
      const place = { ...FACTS.place, secretOf: () => ({ from, path: null }) };
      return only({ circuits: [{ ...CIRCUIT, reason: 'invalid-credentials' }], place }).stop.remedy;
    };
    expect(of('credential')).toContain('systemctl restart sms-spoold');
    expect(of('env')).toContain('systemctl restart sms-spoold');
    expect(of('file')).toContain('systemctl reload sms-spoold');
    expect(of('configuration')).toContain('systemctl reload sms-spoold');
  });

  it('quotes names that a shell would take apart', () => {
    const { stop } = only({ circuits: [{ ...CIRCUIT, account: 'a b', state: 'paused' }] });
    expect(stop.remedy).toBe(`sms-spoold resume 'a b'`);
  });

  it('the list of what is stopped names what stops everything before accounts, and accounts before senders', () => {
    const circuits = [
      { ...CIRCUIT, sender: 'Acme' },
      CIRCUIT,
      { ...CIRCUIT, account: '*', state: 'paused' },
    ];
    const stops = stopsOf({ ...FACTS, circuits, restored: { at: NOW, isRolledBack: false } });
    expect(stops.map(({ scope }) => scope)).toEqual(['spool', 'spool', 'account', 'sender']);
  });

  it('the list of what is stopped tells which of them holds a message: what stops everything, its account, or its sender', () => {
    const stops = stopsOf({
      ...FACTS,
      circuits: [{ ...CIRCUIT, sender: 'Acme' }],
      isLogWritten: false,
    });
    expect(stopFor(stops, { account: 'main', sender: 'Acme' })?.sender).toBe('Acme');
    expect(stopFor(stops, { account: 'main', sender: 'Other' })).toBeNull();
    expect(stopFor(stops, { account: 'second', sender: 'Acme' })).toBeNull();
  });
});
