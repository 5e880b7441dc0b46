/**
 * The daemon as a process whose standard output, standard error or log file takes no lines: a pipe, a FIFO, a socket, a
 * terminal. It sends on, tells of itself, and leaves when it is told to.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rigUp, type Rig } from './rig.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
const MESSAGES = 800;
const hasScript = spawnSync('script', ['--version']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A FIFO in the folder, held open to read and never read. */
function stalledFifo(rig: Rig, name: string): { path: string; fd: number } {
  const path = join(rig.folder, name);
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(reader));
  const fd = openSync(path, constants.O_WRONLY);
  onTestFinished(() => closeSync(fd));
  return { path, fd };
}

/** A process that ended is a zombie as long as its parent hangs. */
function isGone(pid: number): boolean {
  const { status, stdout } = spawnSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' });
  return status !== 0 || stdout.includes(') Z ');
}

interface Started {
  readonly child: ChildProcess;
  /** The daemon's own process. */
  readonly stop: () => void;
}

type Start = (rig: Rig, args: readonly string[]) => Started;

function ended(child: ChildProcess): Promise<unknown> {
  onTestFinished(() => void child.kill('SIGKILL'));
  return once(child, 'exit');
}

/** How standard output, and with it standard error, is made to take nothing. */
const STALLS: readonly (readonly [string, boolean, Start])[] = [
  [
    'a FIFO',
    true,
    (rig, args) => {
      const { fd } = stalledFifo(rig, 'out');
      const child = spawn(process.execPath, args, { stdio: ['ignore', fd, fd] });
      return { child, stop: () => void child.kill('SIGTERM') };
    },
  ],
  [
    'a pipe',
    true,
    (_rig, args) => {
      /* The reader keeps its end open and reads nothing; the shell ends as the daemon does. */
      const shell = `exec 5>&1; { { "$@" 2>&1 3>&- 5>&- & echo $! >&5; wait $!; echo "exit $?" >&5; } | sleep 100; } 5>&5`;
      const child = spawn('sh', ['-c', shell, 'sh', process.execPath, ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('exit ')) child.emit('exit', Number(/exit (\d+)/.exec(said)?.[1]), null);
      });
      onTestFinished(() => void process.kill(-(child.pid ?? 0), 'SIGKILL'));
      return { child, stop: () => process.kill(Number.parseInt(said, 10), 'SIGTERM') };
    },
  ],
  [
    'a socket',
    true,
    (_rig, args) => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      return { child, stop: () => void child.kill('SIGTERM') };
    },
  ],
];

async function sendsOn(start: Start): Promise<void> {
  const port = await freePort();
  const rig = await rigUp({ account: 'concurrency = 20', admin: `127.0.0.1:${port}` });
  rig.drop(MESSAGES);
  const { child, stop } = start(rig, [MAIN, 'run', '--config', rig.config]);
  const over = ended(child);
  await rig.until(() => rig.count('await-receipt') === MESSAGES);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  stop();
  expect(await over).toEqual([0, null]);
  expect(rig.count('sending')).toBe(0);
}

describe('the daemon sends on, tells of itself and stops with 0 while its standard output is', () => {
  for (const [what, may, start] of STALLS) {
    it.skipIf(!may)(`${what} that takes no lines`, () => sendsOn(start));
  }

  it.skipIf(!hasScript)(
    `a terminal that takes no lines${hasScript ? '' : ' (skipped: there is no script(1))'}`,
    () =>
      sendsOn((rig, args) => {
        const { fd } = stalledFifo(rig, 'out');
        const pidFile = join(rig.folder, 'pid');
        const command = `echo $$ > ${pidFile}; exec ${[process.execPath, ...args].join(' ')}`;
        const child = spawn('script', ['-qefc', command, '/dev/null'], {
          stdio: ['ignore', fd, fd],
        });
        const pid = (): string => spawnSync('cat', [pidFile], { encoding: 'utf8' }).stdout;
        return {
          child,
          /* script(1) itself hangs in its write: the daemon is watched by its id. */
          stop: () => {
            const id = Number(pid());
            process.kill(id, 'SIGTERM');
            const timer = setInterval(() => {
              if (!isGone(id)) return;
              clearInterval(timer);
              child.emit('exit', 0, null);
            }, 20);
          },
        };
      }),
  );

  it('well, and log.file is a FIFO that takes no lines', async () => {
    const port = await freePort();
    const rig = await rigUp({
      account: 'concurrency = 20',
      admin: `127.0.0.1:${port}`,
      tables: '[log]\nfile = "log"',
    });
    stalledFifo(rig, 'log');
    const program = rig.start();
    rig.drop(MESSAGES);
    await rig.until(() => rig.count('await-receipt') === MESSAGES);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(program.lines.filter(({ event }) => event === 'message.await-receipt')).toHaveLength(
      MESSAGES,
    );
  });
});
