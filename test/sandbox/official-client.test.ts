import { Auth } from '@vonage/auth';
import { MessageSendPartialFailure, SMS } from '@vonage/sms';
import { expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { KEY, MESSAGE, SECRET, setup } from './support.ts';

function clientOf(sandbox: Sandbox, apiSecret = SECRET): SMS {
  return new SMS(new Auth({ apiKey: KEY, apiSecret }), { restHost: sandbox.url });
}

async function refusalOf(sending: Promise<unknown>): Promise<MessageSendPartialFailure> {
  const error: unknown = await sending.then(
    () => null,
    (reason: unknown) => reason,
  );
  // Partial, although nothing was sent: the client compares a number with the text "1".
  if (!(error instanceof MessageSendPartialFailure))
    throw new Error(`not refused: ${String(error)}`);
  return error;
}

test('the official client sends a message and reads its id, price, balance and client-ref', async () => {
  const { sandbox } = await setup();
  const answer = await clientOf(sandbox).send({
    ...MESSAGE,
    clientRef: 'order-9',
    ttl: 86_400_000,
  });
  expect(answer.messages).toHaveLength(1);
  expect(answer.messages[0]).toMatchObject({
    status: '0',
    to: MESSAGE.to,
    messageId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
    remainingBalance: '99.95000000',
    messagePrice: '0.05000000',
    network: '23410',
    clientRef: 'order-9',
  });
  expect(sandbox.ledger.entries()).toMatchObject([
    { clientRef: 'order-9', to: MESSAGE.to, parts: 1, ttlMs: 86_400_000, isAnswered: true },
  ]);
});

test('the official client gets one element per part of a long text, each with an id of its own', async () => {
  const { sandbox } = await setup();
  const answer = await clientOf(sandbox).send({ ...MESSAGE, text: 'a'.repeat(307) });
  const ids = answer.messages.map((part) => ('messageId' in part ? part.messageId : null));
  expect(new Set(ids).size).toBe(3);
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 1, acceptedParts: 3 });
});

test('the official client is told of throttling in the words of the API', async () => {
  const { sandbox, clock } = await setup({ accounts: { [KEY]: { rate: 2 } } });
  clock.ms += 529;
  const client = clientOf(sandbox);
  await client.send(MESSAGE);
  await client.send(MESSAGE);
  const refused = await refusalOf(client.send(MESSAGE));
  expect(refused.getFailedMessages()).toMatchObject([
    {
      status: '1',
      errorText:
        'Exceeded maximum MT throughput[ MAX [ 2 ] INTERVAL [ 1000 ] COUNT [ 2 ] LAST INT-START ' +
        '[ 1764000000000 ] TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ]',
    },
  ]);
});

test('the official client with a wrong secret gets status 4 under HTTP 200', async () => {
  const { sandbox } = await setup();
  const refused = await refusalOf(clientOf(sandbox, 'wrong-secret').send(MESSAGE));
  expect(refused.getFailedMessages()).toMatchObject([
    { status: '4', errorText: 'Bad Credentials' },
  ]);
  expect(sandbox.ledger.counters).toMatchObject({ accepted: 0, refused: { 4: 1 } });
});
