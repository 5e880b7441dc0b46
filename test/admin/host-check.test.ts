/** Who may call the admin server, and by which names. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAdmin } from '../../src/admin/admin-listener.ts';

const SOURCE = { unready: () => null, stops: () => [], view: () => null } as const;

async function listen(hosts: readonly string[] = []): Promise<number> {
  const listener = await startAdmin({ listen: '127.0.0.1:0', hosts }, SOURCE);
  onTestFinished(() => listener[Symbol.asyncDispose]());
  return Number(/\d+$/.exec(listener.address)?.[0]);
}

function statusOf(port: number, host: string, path = '/healthz'): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The status line that raw bytes are answered with. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.once('data', (chunk) => {
      resolve(chunk.toString().split('\r\n')[0] ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('the admin server answers who calls it', () => {
  it.each([
    ...['127.0.0.1', '127.0.0.1:8027', '10.1.2.3:80', '[::1]', '[::1]:8027', '[fe80::1]:80'],
    ...['localhost', 'LOCALHOST:8027', 'localhost.', 'localhost:', '', ' '],
  ])('%j', async (host) => {
    expect(await statusOf(await listen(), host)).toBe(200);
  });

  it.each(['ops.example.com', 'OPS.example.com:443', 'ops.example.com.'])(
    'the admin server answers who calls it by a name of admin.hosts, %j',
    async (host) => {
      expect(await statusOf(await listen(['Ops.Example.com']), host)).toBe(200);
    },
  );

  it.each(['GET /healthz HTTP/1.0\r\n\r\n', 'GET /healthz HTTP/1.1\r\n\r\n'])(
    'the admin server answers who calls it without a Host header (%j)',
    async (bytes) => {
      expect(await answerTo(await listen(), bytes)).toMatch(/ 200 /);
    },
  );
});

describe('the admin server answers 421 to who calls it', () => {
  it.each([
    ...['evil.example', 'evil.example:8027', 'localhost.evil.example', 'evil-localhost'],
    ...['127.0.0.1.evil.example', '[::1].evil.example', 'localhost:80:90', 'a@localhost', '[x]'],
  ])('%j', async (host) => {
    const port = await listen(['ops.example.com']);
    for (const path of ['/healthz', '/readyz', '/metrics', '/status', '/nothing'])
      expect(await statusOf(port, host, path)).toBe(421);
  });
});
