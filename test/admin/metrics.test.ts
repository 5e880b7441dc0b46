/** The text of `GET /metrics`, made from counters alone. */
import { expect, it, onTestFinished } from 'vitest';
import { Metrics } from '../../src/admin/metrics.ts';
import { LaneNames } from '../../src/core/message/lane-names.ts';
import { Counters } from '../../src/core/stats/counters.ts';
import { noStates } from '../../src/core/stats/message-counts.ts';
import type { Status } from '../../src/core/stats/status.ts';

const STATUS: Status = {
  ...{ at: 0, version: '1.2.3', pid: 1, spool: '/nowhere/spool.db', started_at: 7 },
  ...{ unready: null, stops: [], is_counted: true, states: noStates() },
  ...{ age_bounds_seconds: [], accounts: [], lanes: [], answered: [], accepted: [], failures: [] },
};

function countersOf(account: string): Counters {
  const accounts = new Map([[account, { sender: null, senders: [] }]]);
  return new Counters(new LaneNames({ accounts, defaultAccount: null }));
}

function render(counters: Counters): readonly string[] {
  const metrics = new Metrics();
  onTestFinished(() => metrics.stop());
  return metrics.render({ status: STATUS, counters }).split('\n');
}

it('the text of metrics escapes quotes, backslashes and line breaks in labels', () => {
  expect(render(countersOf('a"b\\c\nd'))).toContain(
    'sms_spoold_answers_total{account="a\\"b\\\\c\\nd",code="0"} 0',
  );
});

it('the text of metrics counts in a bucket of a histogram all that took no longer', () => {
  const counters = countersOf('main');
  counters.gateway.note(2);
  counters.gateway.note(3_000);
  counters.gateway.note(90_000);
  expect(render(counters)).toEqual(
    expect.arrayContaining([
      '# TYPE sms_spoold_gateway_seconds histogram',
      'sms_spoold_gateway_seconds_bucket{le="0.001"} 0',
      'sms_spoold_gateway_seconds_bucket{le="0.0025"} 1',
      'sms_spoold_gateway_seconds_bucket{le="5"} 2',
      'sms_spoold_gateway_seconds_bucket{le="+Inf"} 3',
      'sms_spoold_gateway_seconds_sum 93.002',
      'sms_spoold_gateway_seconds_count 3',
    ]),
  );
});

it('the text of metrics names each family with its help and type', () => {
  const lines = render(countersOf('main'));
  const names = lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? []);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names)
    expect(lines.some((line) => line.startsWith(`# HELP ${name} `))).toBe(true);
  expect(lines).toContain('# TYPE sms_spoold_transitions_total counter');
  expect(lines).toContain('# TYPE process_start_time_seconds gauge');
  expect(lines).toContain('process_start_time_seconds 7');
});
