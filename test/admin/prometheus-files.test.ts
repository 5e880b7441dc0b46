/** What ships for Prometheus and Grafana: its rules do what they say, and it asks only for metrics that exist. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setup } from '../support/daemon.ts';
import { ROOT, textOf } from '../support/sources.ts';

const RULES = 'config/prometheus-alerts.yml';
const DASHBOARD = 'config/grafana-dashboard.json';

function promtool(...args: readonly string[]): {
  readonly code: number | null;
  readonly said: string;
} {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: ROOT, encoding: 'utf8' });
  return { code: status, said: `${stdout}${stderr}` };
}

const hasPromtool = promtool('--version').code === 0;

/** Every metric that a file names, histograms by the name of the whole. */
function metricsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/\b(sms_spoold_\w+|process_\w+)/g)].map(([name]) => name);
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))];
}

describe('the alerts', () => {
  it.skipIf(!hasPromtool)('the alerts are rules that Prometheus takes (needs promtool)', () => {
    const { code, said } = promtool('check', 'rules', RULES);
    expect(said).toContain('SUCCESS: 17 rules found');
    expect(code).toBe(0);
  });

  it.skipIf(!hasPromtool)('fire when they should and not before (needs promtool)', () => {
    const { code, said } = promtool('test', 'rules', join('test', 'admin', 'alerts.test.yml'));
    expect(said).toContain('SUCCESS');
    expect(code).toBe(0);
  });

  it('the alerts are tested one by one', () => {
    const namesIn = (path: string, key: string): readonly string[] => [
      ...new Set(
        [...textOf(path).matchAll(new RegExp(`${key}: (\\w+)`, 'g'))].map(([, name]) => name ?? ''),
      ),
    ];
    const tested = namesIn('test/admin/alerts.test.yml', 'alertname');
    expect(tested.toSorted()).toEqual(namesIn(RULES, '- alert').toSorted());
  });
});

describe('the alerts and the dashboard', () => {
  it('name only metrics that the daemon gives, from its first minute on', async () => {
    const bundle = await setup();
    const text = await (await fetch(`${bundle.adminUrl()}/metrics`)).text();
    const there = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
    for (const path of [RULES, DASHBOARD]) {
      const named = metricsIn(textOf(path));
      expect(named.length).toBeGreaterThan(5);
      expect(named.filter((name) => !there.has(name))).toEqual([]);
    }
  });

  it('know series from zero on, so that the first failure is an increase', async () => {
    const bundle = await setup();
    const text = await (await fetch(`${bundle.adminUrl()}/metrics`)).text();
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'sms_spoold_transitions_total{account="main",sender="AcmeInc",state="expired"} 0',
        'sms_spoold_answers_total{account="main",code="none"} 0',
        'sms_spoold_receipts_ignored_total{reason="bad-signature"} 0',
        'sms_spoold_duplicates_total 0',
      ]),
    );
  });
});

describe('the dashboard', () => {
  interface Panel {
    readonly title: string;
    readonly gridPos: {
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
    };
  }

  it('the dashboard is a document of panels that do not lie over each other', () => {
    const { panels } = JSON.parse(textOf(DASHBOARD)) as { readonly panels: readonly Panel[] };
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from(
        { length: w * h },
        (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`,
      ),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });
});
