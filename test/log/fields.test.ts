/**
 * What the status log really writes is what CONTRACT.md §20 says: the fields of its lines, and that each is the
 * image of a row in `events`.
 */
import { describe, expect, it } from 'vitest';
import { STATES } from '../../src/core/message/message.ts';
import { KEY, setup, type Line } from '../support/daemon.ts';

/** Field → what it holds; those of a settled message first. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  level: (value) => ['debug', 'info', 'warn', 'error'].includes(String(value)),
  time: isIso,
  event: (value) => /^(message|account|sender|receipt|daemon)\.[a-z-]+$/.test(String(value)),
  seq: isCount,
  id: isCount,
  reference: isText,
  account: isText,
  sender: isText,
  recipient: (value) => /^\d{0,4}…\d{0,3}$/.test(String(value)),
  from: isState,
  to: isState,
  reason: isText,
  attempt: isCount,
  status: isCount,
  parts: isCount,
  queued_ms: isCount,
  limiter_ms: isCount,
  gateway_ms: isCount,
  next_attempt_at: isIso,
  wait_ms: isCount,
  next_probe_at: isIso,
  configured: isNumber,
  limit: isNumber,
  remedy: isText,
};
const OF_A_SETTLEMENT =
  'level time event seq id reference account sender recipient from to reason attempt status parts ' +
  'queued_ms limiter_ms gateway_ms';

function isIso(value: unknown): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value));
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isState(value: unknown): boolean {
  return [...STATES, 'active', 'suspended', 'paused'].includes(String(value));
}

function wrong(line: Line): readonly string[] {
  return Object.entries(line)
    .filter(([name, value]) => FIELDS[name]?.(value) !== true)
    .map(([name, value]) => `${String(line['event'])}: ${name} = ${JSON.stringify(value)}`);
}

describe('the status log', () => {
  it('the status log writes the fields of CONTRACT.md §20, each of its kind, and the rows of events', async () => {
    const bundle = await setup({ sandbox: { accounts: { [KEY]: { rate: null } } } });
    const ok = bundle.drop({ reference: 'order-9', text: 'secret words' });
    await bundle.untilState(ok, 'await-receipt');
    const bad = bundle.drop({ account: 'nobody' });
    await bundle.until(() => bundle.lines('account.suspended').length === 1);
    await bundle.ask({ verb: 'cancel', message_id: bad });
    await bundle.ask({ verb: 'pause', account: 'main' });
    await bundle.ask({ verb: 'resume', account: 'main' });
    await bundle.sandbox.configure({ chaos: { kind: 'code', code: 5 } });
    const again = bundle.drop();
    await bundle.until(() => bundle.lines('message.retry').length === 1);
    await bundle.sandbox.configure({ chaos: 'ok' });
    await bundle.sendReceipts();
    const last = bundle.drop({ reference: 'order-10' });
    await bundle.untilState(last, 'delivered');
    const lines = bundle.lines().filter(({ seq }) => seq !== undefined);
    expect(lines.flatMap(wrong)).toEqual([]);
    const settled = bundle.lines('message.await-receipt').find(({ id }) => id === ok) ?? {};
    expect(Object.keys(settled).toSorted()).toEqual(OF_A_SETTLEMENT.split(' ').toSorted());
    const retried = bundle.lines('message.retry').find(({ id }) => id === again) ?? {};
    expect(retried).toMatchObject({ status: 5 });
    expect(retried).toHaveProperty('next_attempt_at');
    expect(bundle.raw()).not.toContain('secret words');
    const rows = bundle.all(
      `SELECT seq, message_id AS id, account, sender, event, from_state AS "from",
        to_state AS "to", reason, attempt FROM events ORDER BY seq`,
    );
    const images = lines.map((line) =>
      Object.fromEntries(Object.keys(rows[0] ?? {}).map((name) => [name, line[name] ?? null])),
    );
    expect(images).toEqual(rows);
  });
});
