/** The status log and `events` say the same, and neither says what must stay secret. */
import { describe, expect, it } from 'vitest';
import { KEY, SECRET, setup, type Bundle, type Line } from '../support/daemon.ts';

const TEXT = 'the secret of the text';

/** A bit of everything: accepted, refused, retried, throttled, uncertain, cancelled, requeued, suspended. */
async function busyDay(bundle: Bundle): Promise<void> {
  const drop = (recipient: string, more = {}): number =>
    bundle.drop({ recipient, text: TEXT, reference: 'order-9', ...more });
  await bundle.untilState(drop('447700900123'), 'await-receipt');
  await bundle.untilState(drop('999100600001', { campaign: 'c' }), 'permanent-failure');
  await bundle.untilState(drop('999190110001'), 'await-receipt');
  await bundle.untilState(drop('999100510001'), 'retry');
  await bundle.untilState(drop('999600110001'), 'uncertain');
  await bundle.untilState(drop('999240000001', { text: TEXT.repeat(9) }), 'await-receipt');
  await bundle.ask({ verb: 'pause', account: 'main' });
  await bundle.ask({ verb: 'cancel', message_id: drop('447700900124') });
  await bundle.ask({ verb: 'requeue', campaign: 'c' });
  drop('447700900125', { account: 'nobody' });
  await bundle.sandbox.configure({ chaos: 'wrong-credentials' });
  await bundle.ask({ verb: 'resume', account: 'main' });
  await bundle.until(() => bundle.account()['reason'] === 'invalid-credentials');
  await bundle.stop();
}

describe('every line about a message or a lane', () => {
  it('every line about a message or a lane is the image of a row in events, in the same order, without a gap', async () => {
    const bundle = await setup();
    await busyDay(bundle);
    const events = bundle.all('SELECT * FROM events ORDER BY seq');
    const lines = bundle.lines().filter((line) => 'seq' in line);
    const imageOf = (line: Line): object => ({
      seq: line['seq'],
      message_id: line['id'] ?? null,
      account: line['account'] ?? null,
      sender: line['sender'] ?? null,
      event: line['event'],
      from_state: line['from'] ?? null,
      to_state: line['to'] ?? null,
      reason: line['reason'] ?? null,
      attempt: line['attempt'] ?? null,
    });
    expect(lines.map(imageOf)).toEqual(
      events.map(({ at, ...event }) => {
        expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(60);
        return event;
      }),
    );
    expect(events.map((event) => event['seq'])).toEqual(events.map((_event, index) => index + 1));
    expect(new Set(events.map((event) => event['event']))).toEqual(
      new Set([
        'message.await-receipt',
        'message.permanent-failure',
        'message.retry',
        'message.uncertain',
        'message.cancelled',
        'message.queued',
        'sender.throttled',
        'account.paused',
        'account.resumed',
        'account.suspended',
      ]),
    );
  });

  it('every line about a message or a lane names every state a message came to, and no other', async () => {
    const bundle = await setup();
    await busyDay(bundle);
    for (const { id, state, last_attempt: last } of bundle.all('SELECT * FROM messages')) {
      const events = bundle.all('SELECT * FROM events WHERE message_id = ? ORDER BY seq', id);
      if (events.length > 0) expect(events.at(-1)?.['to_state']).toBe(state);
      else expect([state, last]).toEqual(['queued', 0]);
    }
    expect(bundle.all(`SELECT 1 FROM events WHERE to_state = 'sending'`)).toEqual([]);
  });
});

describe('a line', () => {
  it('a line of an accepted message holds the fields of CONTRACT.md §20', async () => {
    const bundle = await setup();
    const id = bundle.drop({ reference: 'order-9' });
    await bundle.untilState(id, 'await-receipt');
    const [line] = bundle.lines('message.await-receipt');
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      event: 'message.await-receipt',
      seq: 1,
      id,
      reference: 'order-9',
      account: 'main',
      sender: 'AcmeInc',
      recipient: '4477…000',
      from: 'sending',
      to: 'await-receipt',
      reason: 'accepted',
      attempt: 1,
      status: 0,
      parts: 1,
      queued_ms: expect.any(Number) as number,
      limiter_ms: expect.any(Number) as number,
      gateway_ms: expect.any(Number) as number,
    });
  });

  it('a line never holds a text, a number in full, or a secret', async () => {
    const bundle = await setup();
    await busyDay(bundle);
    const all = bundle
      .lines()
      .map((line) => JSON.stringify(line))
      .join('\n');
    expect(all).not.toContain('secret of the text');
    expect(all).not.toMatch(/\d{10}/);
    for (const secret of [SECRET, KEY, Buffer.from(`${KEY}:${SECRET}`).toString('base64')]) {
      expect(all).not.toContain(secret);
    }
  });

  it('a line holds the number in full only where the configuration says so', async () => {
    const bundle = await setup({ log: { recipients: 'full' } });
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.lines('message.await-receipt')).toMatchObject([{ recipient: '447700900000' }]);
  });

  it('a line lets no control character of a reference pass', async () => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop({ reference: 'a\u001b[2Jb\nc' }), 'await-receipt');
    const [line] = bundle.lines('message.await-receipt');
    expect(line?.['reference']).toMatch(/^a.*b.*c$/s);
    const codes = [...new Set(bundle.raw())].map((character) => character.charCodeAt(0));
    expect(codes.filter((code) => code < 32)).toEqual(['\n'.charCodeAt(0)]);
  });
});

it('the daemon says when it starts, is ready, drains and stops', async () => {
  /* Unsigned receipts at the default path would be a warning. */
  const bundle = await setup({ receipts: { path: '/receipts-of-ours' } });
  await bundle.stop();
  expect(bundle.lines().map((line) => line['event'])).toEqual([
    'daemon.started',
    'daemon.ready',
    'daemon.draining',
    'daemon.stopped',
  ]);
});
