/** What becomes of what is over, with the whole daemon: pruned, forgotten, and what comes late all the same. */
import { describe, expect, it } from 'vitest';
import { KEY, RECIPIENT, setup, type Bundle, type Options } from '../support/daemon.ts';

const DAY_S = 86_400;
const A_DAY = { retentionMs: DAY_S * 1000 };
/** Three parts. */
const LONG = 'x'.repeat(400);

async function push(bundle: Bundle, fields: Readonly<Record<string, string>>): Promise<number> {
  const response = await fetch(bundle.receiptsUrl(), {
    method: 'POST',
    body: new URLSearchParams({ 'api-key': KEY, msisdn: RECIPIENT, ...fields }),
  });
  await response.arrayBuffer();
  return response.status;
}

async function delivered(options: Options, row = {}): Promise<{ bundle: Bundle; id: number }> {
  const bundle = await setup(options);
  await bundle.sendReceipts();
  const id = bundle.drop(row);
  await bundle.untilState(id, 'delivered');
  return { bundle, id };
}

const rowsOf = ({ all }: Bundle, id: number): readonly number[] =>
  ['attempts', 'parts', 'receipts', 'events'].map(
    (table) => all(`SELECT 1 FROM ${table} WHERE message_id = ?`, id).length,
  );

describe('a final message', () => {
  it('a final message is pruned when its time has passed, with all that hangs on it', async () => {
    const { bundle, id } = await delivered({ spool: A_DAY });
    bundle.advance(DAY_S - 60);
    await bundle.untilState(bundle.drop(), 'delivered');
    expect(rowsOf(bundle, id)).toEqual([1, 1, 1, 2]);
    bundle.advance(120);
    await bundle.until(() => Object.keys(bundle.message(id)).length === 0, 'the pruning');
    expect(rowsOf(bundle, id)).toEqual([0, 0, 0, 0]);
    expect(bundle.fatal).toEqual([]);
  });

  it('a final message leaves its id and its key behind, which are not used again', async () => {
    const { bundle, id } = await delivered({ spool: A_DAY }, { idempotency_key: 'once' });
    /* The trigger that notes it goes by the machine's own clock. */
    bundle.advance(2 * DAY_S);
    await bundle.until(() => Object.keys(bundle.message(id)).length === 0, 'the pruning');
    expect(() => bundle.drop({ idempotency_key: 'once' })).toThrow('idempotency_key_is_used_once');
    expect(bundle.drop()).toBeGreaterThan(id);
  });

  it('a final message has its key forgotten after keys_for: it may be used again then', async () => {
    const options = { spool: { ...A_DAY, keysForMs: 10 * DAY_S * 1000 } };
    const { bundle, id } = await delivered(options, { idempotency_key: 'once' });
    bundle.advance(11 * DAY_S);
    await bundle.until(
      () => bundle.all(`SELECT 1 FROM keys WHERE key = 'once'`).length === 0,
      'the end of the key',
    );
    await bundle.until(() => Object.keys(bundle.message(id)).length === 0, 'the pruning');
    expect(bundle.drop({ idempotency_key: 'once' })).toBeGreaterThan(id);
  });

  it('a final message stays while the day of the spending limit needs it', async () => {
    const safety = { spendPerDay: 100 };
    const { bundle, id } = await delivered({ spool: { retentionMs: 1_000 }, safety });
    bundle.advance(3_600);
    await bundle.untilState(bundle.drop(), 'delivered');
    expect(bundle.message(id)).toMatchObject({ state: 'delivered' });
  });

  it('a final message that is pruned takes no late receipt: it is kept as one about no message', async () => {
    const { bundle, id } = await delivered({ spool: A_DAY });
    const ref = String(bundle.attempts(id)[0]?.['client_ref']);
    bundle.advance(2 * DAY_S);
    await bundle.until(() => Object.keys(bundle.message(id)).length === 0, 'the pruning');
    const late = { 'client-ref': ref, messageId: 'late', status: 'failed' };
    expect(await push(bundle, late)).toBe(200);
    expect(bundle.all('SELECT message_id FROM receipts')).toEqual([{ message_id: null }]);
  });
});

describe('a forgotten text', () => {
  const FORGETFUL = { forgetTextAfterMs: 0 };
  const forgotten = (bundle: Bundle, id: number, parts: string): Promise<void> =>
    bundle.until(() => bundle.message(id)['text'] === `(forgotten: ${parts})`, 'the forgetting');

  it('a forgotten text is blank in the message, and the message is not sent again', async () => {
    const { bundle, id } = await delivered({ spool: FORGETFUL });
    await bundle.ask({ verb: 'cancel', message_id: 999 });
    bundle.db.exec(`UPDATE messages SET revision = revision + 1, state = 'unconfirmed'`);
    bundle.advance(10);
    await forgotten(bundle, id, '1 part');
    const asked = await bundle.ask({ verb: 'requeue', message_id: id });
    expect(asked['refused']).toMatch(/^its text was forgotten/);
    expect(bundle.message(id)).toMatchObject({ state: 'unconfirmed' });
  });

  it('a forgotten text still tells how many parts a lost answer had: one receipt of three is not enough', async () => {
    const bundle = await setup({ spool: FORGETFUL, messages: { onUncertain: 'hold' } });
    const id = bundle.drop({ recipient: '999600110001', text: LONG });
    await bundle.untilState(id, 'uncertain');
    bundle.advance(100 * 3_600);
    await bundle.untilState(id, 'unconfirmed');
    bundle.advance(10);
    await forgotten(bundle, id, '3 parts');
    const ref = String(bundle.attempts(id)[0]?.['client_ref']);
    const part = { 'client-ref': ref, msisdn: '999600110001', status: 'delivered' };
    await push(bundle, { ...part, messageId: 'a' });
    await push(bundle, { ...part, messageId: 'b' });
    expect(bundle.message(id)['state']).not.toBe('delivered');
    await push(bundle, { ...part, messageId: 'c' });
    expect(bundle.message(id)).toMatchObject({ state: 'delivered' });
  });

  it('a forgotten text is not sent when a receipt would have the message sent again', async () => {
    const resend = { codes: new Set([8]), afterMs: 1_000, times: 1 };
    const bundle = await setup({ spool: FORGETFUL, receipts: { resend, timeoutMs: 3_600_000 } });
    const id = bundle.drop();
    await bundle.untilState(id, 'await-receipt');
    bundle.advance(2 * 3_600);
    await bundle.untilState(id, 'unconfirmed');
    bundle.advance(10);
    await forgotten(bundle, id, '1 part');
    const ref = String(bundle.attempts(id)[0]?.['client_ref']);
    const messageId = String(bundle.all('SELECT gateway_id FROM parts')[0]?.['gateway_id']);
    await push(bundle, { 'client-ref': ref, messageId, status: 'failed', 'err-code': '8' });
    expect(bundle.message(id)).toMatchObject({ state: 'undelivered' });
    expect(bundle.attempts(id)).toHaveLength(1);
  });
});
