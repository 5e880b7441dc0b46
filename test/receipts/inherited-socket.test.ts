/** The socket of the service manager: which one it is, and that nothing is lost while we restart. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { passedDescriptor } from '../../src/systemd/passed-descriptor.ts';
import { ask, dial, FIELDS, get, untilClosed } from './setup.ts';

describe('the environment', () => {
  const env = { LISTEN_PID: '77', LISTEN_FDS: '1', LISTEN_FDNAMES: 'receipts' };

  it('the environment names the descriptor', () => {
    expect(passedDescriptor('receipts', env, 77)).toBe(3);
    const several = { ...env, LISTEN_FDS: '3', LISTEN_FDNAMES: 'admin:x:receipts' };
    expect(passedDescriptor('receipts', several, 77)).toBe(5);
    const twice = { ...env, LISTEN_FDS: '3', LISTEN_FDNAMES: 'admin:receipts:receipts' };
    expect(passedDescriptor('receipts', twice, 77)).toBe(4);
  });

  it.each<[string, Readonly<Record<string, string | undefined>>]>([
    ['nothing', { LISTEN_PID: undefined, LISTEN_FDS: undefined, LISTEN_FDNAMES: undefined }],
    ['another process', { LISTEN_PID: '78' }],
    ['no process', { LISTEN_PID: undefined }],
    ['a process that is no number', { LISTEN_PID: '77x' }],
    ['no count', { LISTEN_FDS: undefined }],
    ['a count of none', { LISTEN_FDS: '0' }],
    ['a count that is no number', { LISTEN_FDS: 'one' }],
    ['fewer names than descriptors', { LISTEN_FDS: '2' }],
    ['more names than descriptors', { LISTEN_FDNAMES: 'receipts:admin' }],
    ['no names', { LISTEN_FDNAMES: undefined }],
    ['other names', { LISTEN_FDNAMES: 'sms-spoold.socket' }],
    ['a name that only begins so', { LISTEN_FDNAMES: 'receipts2' }],
    ['a blank name', { LISTEN_FDNAMES: '' }],
  ])('the environment of %s means no socket', (_name, change) => {
    expect(passedDescriptor('receipts', { ...env, ...change }, 77)).toBeNull();
  });
});

/** Holds descriptor 3 as systemd does, and starts a process with it for each line it is told. */
const MANAGER = `
while read -r names; do
  sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=$1 exec "$2" "$3"' - "$names" "$0" "$1"
  echo gone
done`;

class Manager {
  readonly port: number;
  readonly lines: string[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  #running: number | null = null;

  constructor(port: number, fd: number) {
    this.port = port;
    const program = join(import.meta.dirname, 'listening-process.ts');
    this.#process = spawn('sh', ['-c', MANAGER, process.execPath, program], {
      stdio: ['pipe', 'pipe', 'pipe', fd],
    }) as unknown as ChildProcessWithoutNullStreams;
    createInterface(this.#process.stdout).on('line', (line) => this.lines.push(line));
    this.#process.stderr.on('data', (chunk: Buffer) => this.lines.push(chunk.toString()));
  }

  /** Its process id. */
  async start(): Promise<number> {
    const [line = ''] = await this.tell('receipts', /^ready/);
    expect(line).toBe(`ready ${line.split(' ')[1] ?? ''} 127.0.0.1:${this.port}`);
    this.#running = Number(line.split(' ')[1]);
    return this.#running;
  }

  async stop(pid: number): Promise<void> {
    const before = this.#count(/^gone/);
    process.kill(pid, 'SIGTERM');
    await expect.poll(() => this.#count(/^gone/), { timeout: 20_000 }).toBe(before + 1);
    this.#running = null;
  }

  /** Starts a process with these names; the lines that it answers, once one of them is as awaited. */
  async tell(names: string, awaited: RegExp): Promise<readonly string[]> {
    const start = this.lines.length;
    const said = (): readonly string[] => this.lines.slice(start).filter((l) => awaited.test(l));
    this.#process.stdin.write(`${names}\n`);
    await expect.poll(() => said().length, { timeout: 20_000 }).toBeGreaterThan(0);
    return said();
  }

  taken(): readonly string[] {
    return this.lines.flatMap((line) => /^took (.*)/.exec(line)?.[1] ?? []);
  }

  #count(form: RegExp): number {
    return this.lines.filter((line) => form.test(line)).length;
  }

  /** A process that a failed test left behind is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running !== null) process.kill(this.#running, 'SIGKILL');
    const ended = once(this.#process, 'close');
    this.#process.stdin.end();
    await ended;
  }
}

/** A socket that listens and that nobody but the manager holds. */
async function manage(): Promise<Manager> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { _handle } = server as unknown as { readonly _handle: { readonly fd: number } };
  const manager = new Manager(port, _handle.fd);
  await new Promise((resolve) => server.close(resolve));
  onTestFinished(() => manager[Symbol.asyncDispose]());
  return manager;
}

describe('a socket passed by the service manager', () => {
  it('a socket passed by the service manager is used instead of the address of the configuration', async () => {
    const manager = await manage();
    const pid = await manager.start();
    expect((await get(manager.port, FIELDS)).status).toBe(200);
    expect(manager.taken()).toEqual([FIELDS['messageId']]);
    await manager.stop(pid);
  });

  it('a socket passed by the service manager under another name is left alone', async () => {
    const manager = await manage();
    await manager.tell('admin', /^no socket/);
  });

  it('a socket passed by the service manager keeps receipts waiting while no process is there, and the next one answers them all', async () => {
    const manager = await manage();
    await manager.stop(await manager.start());
    const ids = Array.from({ length: 50 }, (_, at) => `waiting-${at}`);
    // Connected by the kernel alone: there is nobody yet who could.
    const sockets = await Promise.all(ids.map(() => dial(manager.port)));
    sockets.forEach((socket, at) => {
      const query = new URLSearchParams({ ...FIELDS, messageId: ids[at] ?? '' }).toString();
      socket.write(
        `GET /receipts?${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
      );
    });
    expect(manager.taken()).toEqual([]);
    const pid = await manager.start();
    for (const answer of await Promise.all(sockets.map(untilClosed))) {
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(manager.taken().toSorted()).toEqual(ids.toSorted());
    await manager.stop(pid);
  });

  it('a socket passed by the service manager loses no receipt of a stream through three restarts', async () => {
    const manager = await manage();
    let pid = await manager.start();
    let isOver = false;
    const statuses: number[] = [];
    let sent = 0;
    const streams = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        sent += 1;
        const fields = { ...FIELDS, messageId: `stream-${sent}` };
        statuses.push((await get(manager.port, fields)).status);
      }
    });
    const soFar = async (more: number): Promise<void> => {
      const goal = statuses.length + more;
      await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(goal);
    };
    for (let restart = 0; restart < 3; restart += 1) {
      await soFar(50);
      await manager.stop(pid);
      pid = await manager.start();
    }
    await soFar(50);
    isOver = true;
    await Promise.all(streams);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const ids = Array.from({ length: sent }, (_, at) => `stream-${at + 1}`);
    expect(manager.taken().toSorted()).toEqual(ids.toSorted());
    expect((await ask(manager.port)).status).toBe(200);
    await manager.stop(pid);
  });
});
