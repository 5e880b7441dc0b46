import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchBalance, fetchLimit } from '../../src/gateway/account-api.ts';
import type { ApiTarget } from '../../src/gateway/question.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A gateway that answers as `listener` says, and the account on it. */
async function setup(listener: RequestListener, timeoutMs = 30_000): Promise<ApiTarget> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}`, apiKey: 'key', apiSecret: 'secret', timeoutMs };
}

const answering = (body: string, status = 200): RequestListener => {
  return (_request, response) => void response.writeHead(status).end(body);
};

describe('fetchBalance', () => {
  it('fetchBalance asks with Basic auth', async () => {
    const seen: unknown[] = [];
    const target = await setup((request, response) => {
      seen.push(request.method, request.url, request.headers.authorization);
      response.end('{"value":3.14,"autoReload":false}');
    });
    expect(await fetchBalance(target)).toEqual({ ok: true, balance: 3.14, autoReload: false });
    const authorization = `Basic ${Buffer.from('key:secret').toString('base64')}`;
    expect(seen).toEqual(['GET', '/account/get-balance', authorization]);
  });

  it('fetchBalance understands a number in a string', async () => {
    const target = await setup(answering('{"value":"-0.50"}'));
    expect(await fetchBalance(target)).toEqual({ ok: true, balance: -0.5, autoReload: null });
  });

  it.each([
    [401, '{"error-code":"401"}', 'wrong-credentials'],
    [503, '<html>', 'refused'],
    [302, '', 'refused'],
    [200, '<html>', 'unreadable'],
    [200, '{"value":"much"}', 'unreadable'],
    [200, 'null', 'unreadable'],
    [200, `"${'x'.repeat(70_000)}"`, 'unreachable'],
  ])('fetchBalance tells HTTP %i from a balance', async (status, body, reason) => {
    const target = await setup(answering(body, status));
    expect(await fetchBalance(target)).toMatchObject({ ok: false, reason });
  });

  it('fetchBalance does not follow a redirect', async () => {
    let count = 0;
    const target = await setup((_request, response) => {
      count += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await fetchBalance(target);
    expect(count).toBe(1);
  });

  it('fetchBalance gives up on an answer that never ends', async () => {
    const target = await setup((_request, response) => void response.write('{"value":'), 100);
    expect(await fetchBalance(target)).toEqual({
      ok: false,
      reason: 'unreachable',
      detail: 'no whole answer in time',
    });
  });

  it('fetchBalance does not ask without a secret', async () => {
    const target = await setup(() => expect.unreachable());
    const answer = await fetchBalance({ ...target, apiSecret: null });
    expect(answer).toMatchObject({ ok: false, reason: 'no-secret' });
  });
});

describe('fetchLimit', () => {
  it('posts no field, so that nothing is changed', async () => {
    let posted = 'nothing came';
    const target = await setup((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        posted = `${request.method ?? ''} ${request.url ?? ''} ${Buffer.concat(chunks).toString()}`;
        response.end('{"max-outbound-request":30}');
      });
    });
    expect(await fetchLimit(target)).toEqual({ ok: true, rate: 30 });
    expect(posted).toBe('POST /account/settings ');
  });

  it('fetchLimit understands a number in a string, and no limit of 0', async () => {
    const thirty = await setup(answering('{"max-outbound-request":"30"}'));
    expect(await fetchLimit(thirty)).toEqual({ ok: true, rate: 30 });
    const zero = await setup(answering('{"max-outbound-request":0}'));
    expect(await fetchLimit(zero)).toMatchObject({ ok: false, reason: 'unreadable' });
  });
});
