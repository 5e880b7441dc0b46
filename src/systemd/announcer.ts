/**
 * Tells the service manager that the daemon is ready, reloads or stops, its status in a line, and that its loop runs
 * (sd_notify(3)). Without a service manager it does nothing.
 *
 * Always holds: a message is one datagram; no text in it can add an assignment; the event loop never waits, and a message
 * that cannot be handed over is dropped.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { write } from 'node:fs';
import { escapeText } from '../core/text/escape.ts';
import { passedDescriptor, type Environment } from './passed-descriptor.ts';

export class Announcer implements Disposable {
  /** The service manager kills a daemon that is silent for this long; null = it does not watch. */
  readonly watchdogMs: number | null;
  readonly #channel: Channel | null;

  constructor(parts: ChannelParts) {
    let hasSaid = false;
    const onTrouble = (reason: string): void => {
      if (!hasSaid) parts.onTrouble(reason);
      hasSaid = true;
    };
    this.#channel = openChannel({ ...parts, onTrouble });
    this.watchdogMs = this.#channel === null ? null : watchdogOf(parts);
  }

  /** Whether a service manager listens. */
  get isHeard(): boolean {
    return this.#channel !== null;
  }

  ready(status: string): void {
    this.#send('READY=1', statusOf(status));
  }

  stopping(status: string): void {
    this.#send('STOPPING=1', statusOf(status));
  }

  /** The loop has made progress. */
  alive(status: string): void {
    this.#send('WATCHDOG=1', statusOf(status));
  }

  status(status: string): void {
    this.#send(statusOf(status));
  }

  /** Announces a reload, does it, and announces its end whatever came of it. Rethrows. */
  async reload<T>(work: () => T | Promise<T>): Promise<T> {
    /* CLOCK_MONOTONIC: by it a notify-reload service knows that this answers its own signal. */
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    try {
      return await work();
    } finally {
      this.#send('READY=1');
    }
  }

  [Symbol.dispose](): void {
    this.#channel?.[Symbol.dispose]();
  }

  #send(...assignments: readonly string[]): void {
    this.#channel?.send(assignments);
  }
}

function watchdogOf({ env, pid }: ChannelParts): number | null {
  const { WATCHDOG_PID = String(pid), WATCHDOG_USEC } = env;
  const watchdogMs = Number(WATCHDOG_USEC) / 1_000;
  return WATCHDOG_PID === String(pid) && watchdogMs > 0 ? watchdogMs : null;
}

function statusOf(text: string): string {
  return `STATUS=${escapeText(text)}`;
}

interface Channel extends Disposable {
  /** Sends the assignments of one message ("READY=1"). */
  send(assignments: readonly string[]): void;
}

interface ChannelParts {
  readonly env: Environment;
  readonly pid: number;
  /** Messages do not arrive; called at most once. */
  readonly onTrouble: (reason: string) => void;
}

/** Null = not started by a service manager, or it takes no messages. */
function openChannel(parts: ChannelParts): Channel | null {
  const fd = passedDescriptor('notify', parts.env, parts.pid);
  if (fd !== null) return new DescriptorChannel(fd, parts.onTrouble);
  const socket = parts.env['NOTIFY_SOCKET'] ?? '';
  return socket === '' ? null : new ShellChannel(socket, parts);
}

/* systemd has passed a connected socket (OpenFile=): each write to it is a datagram. */
class DescriptorChannel implements Channel {
  readonly #fd: number;
  readonly #onTrouble: (reason: string) => void;
  #isWriting = false;

  constructor(fd: number, onTrouble: (reason: string) => void) {
    this.#fd = fd;
    this.#onTrouble = onTrouble;
  }

  /* Never synchronously: the kernel holds ten datagrams, and the next write waits for the manager. */
  send(assignments: readonly string[]): void {
    if (this.#isWriting && assignments.every((one) => one.startsWith('STATUS='))) return;
    this.#isWriting = true;
    write(this.#fd, assignments.join('\n'), (error) => {
      this.#isWriting = false;
      if (error !== null) this.#onTrouble(error.message);
    });
  }

  [Symbol.dispose](): void {
    /* The descriptor ends with the process. */
  }
}

/* Node sends no datagrams, so a shell waits at the end of a pipe and runs systemd-notify for each message.
   One line is one message, its assignments separated by tabs. A second shell in its place, if it fails. */
const SHELL = `IFS='\t'; set -f
while read -r line; do systemd-notify $line || exit 1; done`;
const PATH = '/usr/local/bin:/usr/bin:/bin';

class ShellChannel implements Channel {
  readonly #env: Record<string, string>;
  readonly #onTrouble: (reason: string) => void;
  #shell: ChildProcess | null = null;
  #isOver = false;

  constructor(socket: string, { env, onTrouble }: ChannelParts) {
    this.#env = { NOTIFY_SOCKET: socket, PATH: env['PATH'] ?? PATH };
    this.#onTrouble = onTrouble;
  }

  send(assignments: readonly string[]): void {
    if (this.#isOver) return;
    this.#shell ??= this.#start();
    const { stdin } = this.#shell;
    if (stdin?.writableNeedDrain !== false) return;
    stdin.write(`${assignments.join('\t')}\n`);
  }

  /* What was written before is still sent. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#shell?.stdin?.end();
  }

  #start(): ChildProcess {
    const shell = spawn('/bin/sh', ['-c', SHELL], {
      env: this.#env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    shell.on('error', (error) => this.#lost(shell, error.message));
    shell.on('exit', (code) => this.#lost(shell, `systemd-notify failed (${code ?? 'killed'})`));
    /* What a dead shell does not read says so at its exit. */
    shell.stdin.on('error', () => undefined);
    shell.unref();
    return shell;
  }

  #lost(shell: ChildProcess, reason: string): void {
    if (this.#shell !== shell) return;
    this.#shell = null;
    if (!this.#isOver) this.#onTrouble(reason);
  }
}
