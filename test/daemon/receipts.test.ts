/** What receipts do to messages: the whole daemon, receipts over HTTP from the sandbox or by hand. */
import { describe, expect, it } from 'vitest';
import { setup, KEY, RECIPIENT, type Bundle, type Options } from '../support/daemon.ts';
import type { Row } from '../support/spool.ts';

/** Accepted, and the connection reset before the answer: the first time only. */
const LOST_ANSWER = '999600110001';
const LATER = 301;

const movesOf = ({ all }: Bundle, id: number): readonly string[] =>
  all('SELECT * FROM events WHERE message_id = ? ORDER BY seq', id).map(
    (row) => `${String(row['from_state'])} → ${String(row['to_state'])} ${String(row['reason'])}`,
  );

/** Posts one receipt as the gateway does; resolves with the HTTP status. */
async function push(bundle: Bundle, fields: Readonly<Record<string, string>>): Promise<number> {
  const response = await fetch(bundle.receiptsUrl(), {
    method: 'POST',
    body: new URLSearchParams({ 'api-key': KEY, msisdn: RECIPIENT, ...fields }),
  });
  await response.arrayBuffer();
  return response.status;
}

async function accepted(options: Options = {}, row = {}): Promise<{ bundle: Bundle; id: number }> {
  const bundle = await setup(options);
  const id = bundle.drop(row);
  await bundle.untilState(id, 'await-receipt');
  return { bundle, id };
}

const refOf = ({ attempts }: Bundle, id: number, number = 1): string =>
  String(attempts(id)[number - 1]?.['client_ref']);
/** Another last digit, whichever it has. */
const altered = (ref: string): string => `${ref.slice(0, -1)}${ref.endsWith('0') ? '1' : '0'}`;
const partOf = ({ all }: Bundle, id: number): Row =>
  all('SELECT * FROM parts WHERE message_id = ?', id)[0] ?? {};

describe('a receipt', () => {
  it('a receipt from the gateway makes the message delivered', async () => {
    const bundle = await setup();
    await bundle.sendReceipts({ steps: ['accepted', 'buffered'] });
    const id = bundle.drop();
    await bundle.untilState(id, 'delivered');
    expect(partOf(bundle, id)).toMatchObject({ receipt_status: 'delivered', receipt_code: 0 });
    expect(movesOf(bundle, id)).toEqual([
      'sending → await-receipt accepted',
      'await-receipt → delivered receipt-delivered',
    ]);
    expect(bundle.message(id)).toMatchObject({ due_at: null });
    expect(bundle.lines('message.delivered')).toMatchObject([{ id, level: 'info' }]);
  });

  it.each(['early', 'reversed', 'twice'])('a receipt may come %s', async (how) => {
    const bundle = await setup();
    await bundle.sendReceipts({
      steps: ['accepted'],
      early: how === 'early',
      order: how === 'reversed' ? 'reversed' : 'sent',
      repeat: how === 'twice' ? 1 : 0,
    });
    const ids = [bundle.drop(), bundle.drop({ text: 'x'.repeat(400) }), bundle.drop()];
    for (const id of ids) await bundle.untilState(id, 'delivered');
    expect(bundle.all('SELECT 1 FROM receipts WHERE message_id IS NULL')).toEqual([]);
    expect(bundle.all('SELECT 1 FROM attempts')).toHaveLength(3);
  });

  it('a receipt without client-ref finds its part, also when it came before the answer', async () => {
    const bundle = await setup();
    await bundle.sendReceipts({ clientRef: false, early: true });
    const ids = Array.from({ length: 20 }, () => bundle.drop());
    for (const id of ids) await bundle.untilState(id, 'delivered');
    await bundle.sendReceipts({ clientRef: false });
    await bundle.untilState(bundle.drop(), 'delivered');
  });

  it('a receipt that says why it failed makes the message undelivered, with the code’s name', async () => {
    const { bundle, id } = await accepted();
    const { gateway_id: messageId } = partOf(bundle, id);
    const fields = { messageId: String(messageId), status: 'failed', 'err-code': '6' };
    expect(await push(bundle, { ...fields, 'client-ref': refOf(bundle, id) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({
      state: 'undelivered',
      reason: 'anti-spam-rejection',
    });
    expect(partOf(bundle, id)).toMatchObject({ receipt_status: 'failed', receipt_code: 6 });
  });

  it('a receipt is on disk when it is answered, and kept as it came', async () => {
    const { bundle, id } = await accepted();
    const ref = refOf(bundle, id);
    const fields = { 'client-ref': ref, messageId: 'x', status: 'buffered', odd: 'kept' };
    expect(await push(bundle, fields)).toBe(200);
    const [row] = bundle.all('SELECT * FROM receipts');
    expect(row).toMatchObject({ message_id: id, client_ref: ref, status: 'buffered' });
    expect(JSON.parse(String(row?.['raw']))).toMatchObject({ odd: 'kept', status: 'buffered' });
  });

  it.each([
    ['with an altered tag', (ref: string) => ({ 'client-ref': altered(ref) })],
    ['of another account', (ref: string) => ({ 'client-ref': ref, 'api-key': 'other' })],
    ['for no message of ours', () => ({ 'client-ref': '1.1.0123456789abcdef0123' })],
  ])('%s changes nothing and is kept as unmatched', async (_what, fieldsOf) => {
    const { bundle, id } = await accepted();
    const fields = fieldsOf(refOf(bundle, id));
    expect(await push(bundle, { status: 'delivered', messageId: 'x', ...fields })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'await-receipt' });
    expect(bundle.all('SELECT message_id FROM receipts')).toEqual([{ message_id: null }]);
    expect(bundle.lines('receipt.ignored')).toHaveLength(1);
  });

  it('a receipt is refused where a secret is set and it is not signed', async () => {
    const receipts = { signatureSecrets: ['s3cret'] };
    const { bundle, id } = await accepted({ receipts });
    const fields = { 'client-ref': refOf(bundle, id), messageId: 'x', status: 'delivered' };
    expect(await push(bundle, fields)).toBe(503);
    expect(bundle.message(id)).toMatchObject({ state: 'await-receipt' });
    await bundle.sendReceipts({ signature: { method: 'sha256', secret: 's3cret' } });
    await bundle.untilState(bundle.drop(), 'delivered');
  });

  it('a receipt is 503 when the disk of the spool cannot take it, and counts when it comes again', async () => {
    const { bundle, id } = await accepted();
    const fields = { 'client-ref': refOf(bundle, id), messageId: 'x', status: 'delivered' };
    bundle.db.exec('BEGIN IMMEDIATE');
    const first = push(bundle, { ...fields, 'err-code': '0' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    bundle.clock.advance(20);
    expect(await first).toBe(503);
    bundle.db.exec('COMMIT');
    expect(bundle.message(id)).toMatchObject({ state: 'await-receipt' });
    const { gateway_id: messageId } = partOf(bundle, id);
    expect(await push(bundle, { ...fields, messageId: String(messageId) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'delivered' });
  });
});

describe('an uncertain message', () => {
  it('an uncertain message is settled by a receipt and not sent again', async () => {
    const bundle = await setup();
    await bundle.sendReceipts({ delayMs: 50 });
    const id = bundle.drop({ recipient: LOST_ANSWER });
    await bundle.untilState(id, 'delivered');
    bundle.advance(LATER);
    expect(bundle.attempts(id)).toHaveLength(1);
    expect(bundle.message(id)).toMatchObject({ parts: 1, price: 0.05 });
    expect(bundle.message(id)['attempts']).toBe(1);
  });

  it('an uncertain message waits until the listener has been up as long as a receipt may take', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: LOST_ANSWER });
    await bundle.untilState(id, 'uncertain');
    await bundle.stop();
    bundle.clock.advance(LATER);
    await bundle.start();
    bundle.advance(60);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.message(id)).toMatchObject({ state: 'uncertain' });
    bundle.advance(LATER);
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.attempts(id)).toMatchObject([{ number: 1 }, { number: 2, follows: 1 }]);
  });
});

describe('both attempts of a message sent twice', () => {
  it('end delivered, with both prices and one duplicate written down', async () => {
    const bundle = await setup();
    const id = bundle.drop({ recipient: LOST_ANSWER });
    await bundle.untilState(id, 'uncertain');
    bundle.advance(LATER);
    await bundle.untilState(id, 'await-receipt');
    const proof = { msisdn: LOST_ANSWER, status: 'delivered', price: '0.05', messageId: 'first' };
    expect(await push(bundle, { ...proof, 'client-ref': refOf(bundle, id, 1) })).toBe(200);
    const { gateway_id: messageId } = partOf(bundle, id);
    const second = { msisdn: LOST_ANSWER, status: 'delivered', messageId: String(messageId) };
    expect(await push(bundle, { ...second, 'client-ref': refOf(bundle, id, 2) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'delivered', price: 0.1 });
    expect(bundle.lines('message.duplicate')).toMatchObject([{ id, level: 'warn' }]);
  });
});

describe('after the last receipt’s time', () => {
  const OVER = 76 * 3600 + 1;

  it('a message is unconfirmed, and a late receipt still counts', async () => {
    const { bundle, id } = await accepted();
    bundle.advance(OVER);
    expect(await bundle.untilState(id, 'unconfirmed')).toMatchObject({
      reason: 'no-final-receipt',
    });
    const { gateway_id: messageId } = partOf(bundle, id);
    const fields = { messageId: String(messageId), status: 'DELIVRD' };
    expect(await push(bundle, { ...fields, 'client-ref': refOf(bundle, id) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'delivered' });
  });

  it('accepted is enough where nothing more ever comes', async () => {
    const { bundle, id } = await accepted({ receipts: { acceptedIsEnough: ['44'] } });
    const { gateway_id: messageId } = partOf(bundle, id);
    const fields = { messageId: String(messageId), status: 'accepted' };
    expect(await push(bundle, { ...fields, 'client-ref': refOf(bundle, id) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'delivered', reason: 'accepted-is-enough' });
  });
});

describe('[receipts] resend', () => {
  const resend = { codes: new Set([2]), afterMs: 900_000, times: 1 };

  it('[receipts] resend sends once more, later and marked, and then no more', async () => {
    const { bundle, id } = await accepted({ receipts: { resend } });
    const fail = async (number: number): Promise<void> => {
      const [part] = bundle
        .all('SELECT * FROM parts WHERE message_id = ? AND attempt = ?', id, number)
        .slice(0, 1);
      const fields = { messageId: String(part?.['gateway_id']), status: 'failed' };
      const ref = refOf(bundle, id, number);
      expect(await push(bundle, { ...fields, 'err-code': '2', 'client-ref': ref })).toBe(200);
    };
    await fail(1);
    expect(bundle.message(id)).toMatchObject({ state: 'retry', reason: 'receipts-resend' });
    bundle.advance(899);
    expect(bundle.attempts(id)).toHaveLength(1);
    bundle.advance(2);
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.attempts(id)).toMatchObject([{ closed: 1 }, { follows: 1 }]);
    await fail(2);
    expect(bundle.message(id)).toMatchObject({
      state: 'undelivered',
      reason: 'absent-subscriber-temporary',
    });
  });

  it('[receipts] resend never sends again what expired at the carrier', async () => {
    const { bundle, id } = await accepted({ receipts: { resend } });
    const { gateway_id: messageId } = partOf(bundle, id);
    const fields = { messageId: String(messageId), status: 'expired', 'err-code': '2' };
    expect(await push(bundle, { ...fields, 'client-ref': refOf(bundle, id) })).toBe(200);
    expect(bundle.message(id)).toMatchObject({ state: 'undelivered' });
  });
});

it('a recipient who opted out is suppressed, unless that is switched off', async () => {
  for (const automatic of [true, false]) {
    const { bundle, id } = await accepted({ suppress: { automatic } });
    const { gateway_id: messageId } = partOf(bundle, id);
    const fields = { messageId: String(messageId), status: 'rejected', 'err-code': '9' };
    expect(await push(bundle, { ...fields, 'client-ref': refOf(bundle, id) })).toBe(200);
    expect(bundle.all('SELECT recipient FROM suppressions')).toEqual(
      automatic ? [{ recipient: RECIPIENT }] : [],
    );
    const next = bundle.drop();
    await bundle.untilState(next, automatic ? 'permanent-failure' : 'await-receipt');
  }
});

it('a message that is asked for in the reports is settled without a receipt', async () => {
  const bundle = await setup({
    reconcile: { reports: true },
    sandbox: { receipts: { delayMs: 0 } },
  });
  const id = bundle.drop({ recipient: LOST_ANSWER });
  await bundle.untilState(id, 'uncertain');
  bundle.advance(61);
  await bundle.untilState(id, 'delivered');
  expect(bundle.attempts(id)).toHaveLength(1);
});
