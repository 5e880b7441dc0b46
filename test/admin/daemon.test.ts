/** What the daemon tells on admin.listen, held against its spool. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NAMED_MAX } from '../../src/core/message/lane-names.ts';
import { STATES } from '../../src/core/message/message.ts';
import type { Status } from '../../src/core/stats/status.ts';
import type { DropRow } from '../../src/spool/write/insert.ts';
import { setup, type Bundle } from '../support/daemon.ts';

const SENDERS: readonly DropRow[] = [
  { sender: 'AcmeInc' },
  { sender: 'Other1' },
  { sender: '12015550123' },
  {},
];
/** Refused for good, refused for now, throttled once, no sense, cut off. */
const UNLUCKY = ['999100600001', '999100500001', '999190110001', '999450300001', '999500100001'];

async function ask(
  bundle: Bundle,
  path: string,
): Promise<{ readonly code: number; readonly text: string }> {
  const response = await fetch(`${bundle.adminUrl()}${path}`);
  return { code: response.status, text: await response.text() };
}

async function statusOf(bundle: Bundle): Promise<Status> {
  return JSON.parse((await ask(bundle, '/status')).text) as Status;
}

async function counted(bundle: Bundle, total: number): Promise<Status> {
  let status = await statusOf(bundle);
  const sum = (): number => STATES.reduce((all, state) => all + status.states[state], 0);
  while (!status.is_counted || sum() < total) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    status = await statusOf(bundle);
  }
  return status;
}

/** By lane and state, as the spool has it; only what there is. */
function inSpool({ all }: Bundle): Readonly<Record<string, number>> {
  const rows = all(
    `SELECT coalesce(account, 'main') || '/' || coalesce(sender, 'AcmeInc') || '/' || state AS lane,
      count(*) AS n FROM messages GROUP BY 1`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['lane']), Number(row['n'])]));
}

function inStatus({ lanes }: Status): Readonly<Record<string, number>> {
  return Object.fromEntries(
    lanes.flatMap(({ account, sender, states }) =>
      STATES.filter((state) => states[state] > 0).map((state) => [
        `${account}/${sender}/${state}`,
        states[state],
      ]),
    ),
  );
}

/** Every kind of end there is: accepted, refused, throttled, unanswered, late, taken back, bad, scheduled. */
async function eventfulDay(bundle: Bundle, waiting = 0): Promise<number> {
  const { drop, ask: operate, advance, until, count } = bundle;
  const now = Date.now() / 1000;
  for (let index = 0; index < 40; index += 1) {
    const campaign: DropRow = index % 5 === 0 ? { campaign: 'spring' } : {};
    drop({ ...SENDERS[index % SENDERS.length], ...campaign });
  }
  drop({ send_at: now + 3_600 });
  drop({ send_at: now + 5, sender: 'Other1' });
  drop({ expires_at: now + 1, send_at: now + 0.5, account: 'nobody' });
  drop({ account: 'nobody' });
  for (const recipient of UNLUCKY) drop({ recipient });
  const held = drop({ send_at: now + 7_200 });
  await until(
    () => count('sending') === 0 && count('queued') <= waiting + 4,
    'the first ones to be sent',
  );
  await operate({ verb: 'cancel', message_id: held });
  await operate({ verb: 'requeue', message_id: held });
  await operate({ verb: 'cancel', message_id: held });
  advance(30);
  await until(() => count('queued') <= waiting + 2, 'what was scheduled to be sent');
  return 45 + UNLUCKY.length;
}

describe('GET /status', () => {
  it('GET /status counts by lane and state what the spool holds, rows from before the start and after it', async () => {
    const bundle = await setup({ isStopped: true });
    for (let index = 0; index < 2_500; index += 1)
      bundle.drop({ send_at: Date.now() / 1000 + 9_000 });
    await bundle.start();
    const total = 2_500 + (await eventfulDay(bundle, 2_500));
    await bundle.until(() => bundle.count('sending') === 0, 'nothing that is out');
    const status = await counted(bundle, total);
    expect(inStatus(status)).toEqual(named(inSpool(bundle)));
  });

  it('GET /status tells since when what waits could go, and what is not due yet', async () => {
    const bundle = await setup({ account: { senders: new Map([['Slow1', { rate: 0.001 }]]) } });
    bundle.drop({ send_at: Date.now() / 1000 + 90_000 });
    bundle.drop({ sender: 'Slow1' });
    bundle.drop({ sender: 'Slow1' });
    await bundle.until(() => bundle.count('await-receipt') === 1, 'the first of the slow sender');
    await counted(bundle, 3);
    bundle.advance(400);
    const status = await statusOf(bundle);
    const lane = (sender: string) => status.lanes.find((one) => one.sender === sender);
    expect(lane('AcmeInc')?.ages).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(lane('AcmeInc')?.oldest_due_seconds).toBeNull();
    expect(lane('Slow1')?.ages).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0]);
    expect(lane('Slow1')?.oldest_due_seconds).toBeGreaterThanOrEqual(400);
    expect(status.accounts[0]?.oldest_due_seconds).toBeGreaterThanOrEqual(400);
  });

  it('GET /status names an account that stopped, and failures with their recipient masked', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: '999100600001' });
    await bundle.untilState(id, 'permanent-failure');
    await bundle.ask({ verb: 'pause', account: 'main' });
    const status = await statusOf(bundle);
    expect(status.accounts[0]).toMatchObject({ account: 'main', state: 'paused', limit: 1_000 });
    expect(status.failures[0]).toMatchObject({
      id,
      to: 'permanent-failure',
      recipient: '9991…001',
    });
  });
});

/* What the daemon has no name for. */
function named(lanes: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const folded: Record<string, number> = {};
  for (const [lane, count] of Object.entries(lanes)) {
    const [account = '', , state = ''] = lane.split('/');
    const name = account === 'nobody' ? `other/other/${state}` : lane;
    folded[name] = (folded[name] ?? 0) + count;
  }
  return folded;
}

/** A gateway that answers when a test says so. */
async function silentGateway(): Promise<{ readonly url: string; readonly held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  const server = createHttpServer((_request, response) => void held.push(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { url: `http://127.0.0.1:${port}`, held };
}

describe('GET /healthz and /readyz', () => {
  it('say alive and ready while messages are sent, and why not while the daemon leaves', async () => {
    const gateway = await silentGateway();
    const bundle = await setup({ account: { baseUrl: gateway.url, timeoutMs: 60_000 } });
    expect(await ask(bundle, '/healthz')).toEqual({ code: 200, text: 'alive\n' });
    expect(await ask(bundle, '/readyz')).toEqual({ code: 200, text: 'ready\n' });
    bundle.drop();
    await bundle.until(() => gateway.held.length > 0, 'a request that is out');
    const url = bundle.adminUrl();
    const stopping = bundle.stop();
    const readiness = await fetch(`${url}/readyz`);
    expect([readiness.status, await readiness.text()]).toEqual([503, 'draining\n']);
    for (const response of gateway.held) response.writeHead(503).end();
    await stopping;
  });

  it('say why not when the spool stays locked', async () => {
    const bundle = await setup();
    bundle.db.exec('BEGIN IMMEDIATE');
    bundle.clock.advance(60);
    await bundle.until(() => bundle.lines('daemon.ready').length === 1);
    let readiness = await ask(bundle, '/readyz');
    while (!readiness.text.startsWith('locked\n')) readiness = await ask(bundle, '/readyz');
    expect(readiness.code).toBe(503);
    bundle.db.exec('COMMIT');
    while (readiness.code !== 200) readiness = await ask(bundle, '/readyz');
  });
});

describe('a port that is taken', () => {
  it('a port that is taken is said in one line, and sending goes on', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void squatter.close());
    const address = squatter.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const bundle = await setup({ admin: { listen: `127.0.0.1:${port}` } });
    const line = bundle.lines('daemon.warning').find(({ remedy }) => remedy === undefined);
    expect(line?.['warning']).toMatch(
      new RegExp(`^admin\\.listen: 127\\.0\\.0\\.1:${port}: another program listens there`),
    );
    await bundle.untilState(bundle.drop(), 'await-receipt');
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe('GET /metrics', () => {
  it.skipIf(!hasPromtool)(
    'GET /metrics is what promtool takes without a word (needs promtool)',
    async () => {
      const bundle = await setup();
      await bundle.sendReceipts();
      await eventfulDay(bundle);
      const { text } = await ask(bundle, '/metrics');
      const said = execFileSync('promtool', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      });
      expect(said).toBe('');
    },
  );

  it('GET /metrics counts moves, answers and receipts as the spool does', async () => {
    const bundle = await setup();
    await bundle.sendReceipts();
    for (let index = 0; index < 20; index += 1) bundle.drop();
    await bundle.until(() => bundle.count('delivered') === 20, 'all to be delivered');
    const lines = (await ask(bundle, '/metrics')).text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'sms_spoold_answers_total{account="main",code="0"} 20',
        'sms_spoold_transitions_total{account="main",sender="AcmeInc",state="await-receipt"} 20',
        'sms_spoold_transitions_total{account="main",sender="AcmeInc",state="delivered"} 20',
        'sms_spoold_receipts_total{status="delivered"} 20',
        'sms_spoold_gateway_seconds_count 20',
        'sms_spoold_gateway_seconds_bucket{le="+Inf"} 20',
        'sms_spoold_receipt_delay_seconds_count 20',
        'sms_spoold_account_limit_requests_per_second{account="main"} 1000',
        'sms_spoold_ready 1',
      ]),
    );
  });

  it('GET /metrics names a limited number of senders, and counts the rest as other', async () => {
    const bundle = await setup();
    for (let index = 0; index < 300; index += 1) bundle.drop({ sender: `Shop${index}` });
    await bundle.until(() => bundle.count('await-receipt') === 300, 'all to be sent');
    await counted(bundle, 300);
    const { text } = await ask(bundle, '/metrics');
    const names = new Set([...text.matchAll(/sender="([^"]*)"/g)].map(([, sender]) => sender));
    expect(names.size).toBe(NAMED_MAX + 1);
    expect(names).toContain('other');
  });
});
