/** How the demo speaks with its gateway, over real HTTP. */
import { expect, onTestFinished, test } from 'vitest';
import { receiptsPending, tellGateway } from '../../src/demo/gateway-control.ts';
import { DEFAULT_API_KEY, DEFAULT_API_SECRET } from '../../src/sandbox/sandbox-options.ts';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';

async function setup() {
  const sandbox = await startSandbox();
  onTestFinished(() => sandbox.close());
  const send = () =>
    fetch(`${sandbox.url}/sms/json`, {
      method: 'POST',
      body: new URLSearchParams({
        api_key: DEFAULT_API_KEY,
        api_secret: DEFAULT_API_SECRET,
        from: 'AcmeInc',
        to: '447700900000',
        text: 'Your table is ready',
      }),
    });
  return { sandbox, send };
}

test('the gateway is told where receipts go, and says how many it has yet to bring', async () => {
  const { sandbox, send } = await setup();
  const url = 'http://127.0.0.1:9/receipts';
  await tellGateway(sandbox.url, { receipts: { url, delayMs: 600_000 } });
  expect(await receiptsPending(sandbox.url)).toBe(0);
  await send();
  expect(await receiptsPending(sandbox.url)).toBe(1);
  await tellGateway(sandbox.url, { receipts: { url: null } });
  expect(await receiptsPending(sandbox.url)).toBe(0);
});

test('what the gateway does not take is an error that says what it was', async () => {
  const { sandbox } = await setup();
  const receipts = { url: 'http://example.com/receipts' };
  await expect(tellGateway(sandbox.url, { receipts })).rejects.toThrow('receipts.url');
});
