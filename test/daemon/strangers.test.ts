/** What comes to the receipt listener and is no receipt of ours: said, counted and bounded, with the daemon. */
import { describe, expect, it } from 'vitest';
import { KEY, RECIPIENT, setup, type Bundle } from '../support/daemon.ts';

const RECEIPT = { msisdn: RECIPIENT, messageId: 'x', status: 'delivered', 'api-key': KEY };

async function ask(bundle: Bundle, path: string, fields: Readonly<Record<string, string>>) {
  const url = new URL(path, bundle.receiptsUrl());
  url.search = new URLSearchParams(fields).toString();
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

async function metric(bundle: Bundle, reason: string): Promise<number> {
  const text = await (await fetch(`${bundle.adminUrl()}/metrics`)).text();
  const form = new RegExp(
    `^sms_spoold_receipts_ignored_total\\{reason="${reason}"\\} (\\d+)$`,
    'm',
  );
  return Number(form.exec(text)?.[1]);
}

describe('a receipt that comes to another path', () => {
  it('a receipt that comes to another path is counted, and said once with the path that is configured, where that is the default', async () => {
    const bundle = await setup();
    for (let count = 0; count < 3; count += 1)
      expect(await ask(bundle, '/webhooks/delivery-receipt', RECEIPT)).toBe(404);
    const lines = bundle.lines('receipt.ignored');
    expect(lines).toMatchObject([{ level: 'warn', reason: 'other-path' }]);
    expect(lines[0]?.['remedy']).toMatch(/receipts\.path, which is \/receipts;/);
    expect(JSON.stringify(lines)).not.toContain('delivery-receipt');
    expect(await metric(bundle, 'other-path')).toBe(3);
  });

  it('a receipt that comes to another path is said without the path where that may be a secret', async () => {
    const bundle = await setup({ receipts: { path: '/s3cret-path' } });
    expect(await ask(bundle, '/receipts', RECEIPT)).toBe(404);
    const [line] = bundle.lines('receipt.ignored');
    expect(line?.['remedy']).toContain('receipts.path');
    expect(bundle.raw()).not.toContain('s3cret-path');
  });
});

describe('another web-hook on the URL of receipts', () => {
  it('another web-hook on the URL of receipts is answered 200, said with its reason and remedy, and kept as unmatched', async () => {
    const bundle = await setup();
    const inbound = {
      ...{ msisdn: '447700900101', to: '447700900999', messageId: '0B1', text: 'STOP' },
      ...{ type: 'text', keyword: 'STOP', 'api-key': KEY },
    };
    expect(await ask(bundle, '/receipts', inbound)).toBe(200);
    const status = { message_uuid: 'aaaa', status: 'delivered', channel: 'sms', to: RECIPIENT };
    expect(await ask(bundle, '/receipts', status)).toBe(200);
    const lines = bundle.lines('receipt.ignored');
    expect(lines).toMatchObject([{ reason: 'inbound-sms' }, { reason: 'messages-api' }]);
    expect(lines[0]?.['remedy']).toMatch(/inbound SMS/);
    expect(lines[1]?.['remedy']).toMatch(/Messages API/);
    expect(bundle.all('SELECT gateway_id, message_id FROM receipts')).toEqual([
      { gateway_id: '0B1', message_id: null },
    ]);
  });

  it('another web-hook on the URL of receipts is about no message, whatever client-ref it names', async () => {
    const bundle = await setup();
    const id = bundle.drop();
    await bundle.untilState(id, 'await-receipt');
    const ref = String(bundle.attempts(id)[0]?.['client_ref']);
    const fields = { ...RECEIPT, status: '', text: 'x', 'client-ref': ref };
    expect(await ask(bundle, '/receipts', fields)).toBe(200);
    expect(bundle.all('SELECT message_id FROM receipts')).toEqual([{ message_id: null }]);
  });
});

describe('what a stranger can do', () => {
  it('what a stranger can do is warned of at the start where receipts are unsigned and come to the default path', async () => {
    const warned = ({ lines }: Bundle): boolean =>
      lines('daemon.warning').some(({ warning }) => /unsigned/.test(String(warning)));
    expect(warned(await setup())).toBe(true);
    expect(warned(await setup({ receipts: { path: '/x1' } }))).toBe(false);
    expect(warned(await setup({ receipts: { signatureSecrets: ['s'] } }))).toBe(false);
    expect(warned(await setup({ receipts: { expect: false } }))).toBe(false);
  });

  it('what a stranger can do is counted and not stored where nothing of ours is named', async () => {
    const bundle = await setup();
    const strange = { ...RECEIPT, 'api-key': 'somebody', 'client-ref': 'order-4' };
    for (let count = 0; count < 5; count += 1)
      expect(await ask(bundle, '/receipts', { ...strange, messageId: `m${count}` })).toBe(200);
    expect(bundle.all('SELECT 1 FROM receipts')).toEqual([]);
    expect(bundle.lines('receipt.ignored')).toMatchObject([{ reason: 'not-ours' }]);
    expect(await metric(bundle, 'not-ours')).toBe(5);
  });
});

it('a signed receipt with blank fields put in is the same receipt, and undoes no unsuppress', async () => {
  const secret = 's3cret';
  const bundle = await setup({ receipts: { signatureSecrets: [secret] } });
  const { sign } = await import('../../src/gateway/signature.ts');
  const id = bundle.drop();
  await bundle.untilState(id, 'await-receipt');
  const ref = String(bundle.attempts(id)[0]?.['client_ref']);
  const fields = { ...RECEIPT, status: 'failed', 'err-code': '9', 'client-ref': ref };
  const sig = sign(fields, { method: 'sha256', secret });
  expect(await ask(bundle, '/receipts', { ...fields, sig })).toBe(200);
  expect(bundle.all('SELECT recipient FROM suppressions')).toEqual([{ recipient: RECIPIENT }]);
  bundle.db.exec('DELETE FROM suppressions');
  for (let count = 0; count < 50; count += 1)
    expect(await ask(bundle, '/receipts', { ...fields, sig, [`x${count}`]: '' })).toBe(200);
  expect(bundle.all('SELECT recipient FROM suppressions')).toEqual([]);
  expect(bundle.all('SELECT 1 FROM receipts')).toHaveLength(1);
});
