/**
 * A real systemd, booted in a container of its own in about a second: this machine's /usr, read-only, and
 * nothing else of it; no network but loopback. Needs root and systemd-nspawn.
 *
 * Nothing outlives it: the container ends with this process however that ends, and after a limit in any case;
 * its control groups are removed. It shares none with another container that is started the same way.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A container that is up for so long is taken down, whatever it is doing. */
const LIFE_S = 480;
const BOOT_MS = 60_000;
const COMMAND_MS = 120_000;
const OUTPUT_MAX = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 50;
/** What `until` waits at most: a test that fails says what did not come. */
const DEADLINE_MS = 90_000;

/* What is asked for at boot: /etc is empty, so that by default every unit in /usr would be enabled. */
const TARGET = `[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
`;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Root, if left out. */
  readonly user?: string;
  readonly input?: string;
}

/** Folder of this machine → where the container sees it. */
export type Binds = Readonly<Record<string, string>>;

export class Machine implements AsyncDisposable {
  readonly #nspawn: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #folder: string;
  readonly #groups: readonly string[];
  #leader = 0;

  private constructor(folder: string, binds: Binds, root: string | null) {
    this.#folder = folder;
    this.#groups = makeGroups();
    writeFileSync(join(folder, 'lab.target'), TARGET);
    const console = openSync(join(folder, 'console'), 'w');
    const [command = '', ...args] = [...inGroups(this.#groups), ...nspawn(folder, binds, root)];
    this.#nspawn = spawn(command, args, { stdio: ['ignore', console, console] });
    this.#exited = once(this.#nspawn, 'exit');
  }

  /**
   * A booted machine, or the reason why there can be none here. With `root`, the folder of a whole system,
   * it is that one that is booted, and it keeps what is changed.
   */
  static async boot(binds: Binds, root: string | null = null): Promise<Machine | string> {
    const missing = whyNot();
    if (missing !== null) return missing;
    const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-machine-'));
    const machine = new Machine(folder, binds, root);
    const isUp = await machine.#boot();
    if (isUp) return machine;
    const said = readFileSync(join(folder, 'console'), 'utf8').trim().split('\n').slice(-3);
    await machine[Symbol.asyncDispose]();
    return `systemd does not come up in systemd-nspawn here: ${said.join(' · ')}`;
  }

  /** Runs a shell command in the container and waits for it. */
  run(command: string, { user, input = '' }: RunOptions = {}): Done {
    const as =
      user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
    const shell = [...as, 'env', '-i', `PATH=${PATH}`, 'LC_ALL=C.UTF-8', 'sh', '-c', command];
    const entered = ['-t', String(this.#leader), '-a', '--', ...shell];
    const options = {
      input,
      encoding: 'utf8',
      timeout: COMMAND_MS,
      maxBuffer: OUTPUT_MAX,
    } as const;
    const { status, stdout, stderr, error } = spawnSync('nsenter', entered, options);
    if (error !== undefined) throw error;
    return { code: status, stdout, stderr };
  }

  /** What the command says on standard output. Throws when it fails. */
  say(command: string, options: RunOptions = {}): string {
    const { code, stdout, stderr } = this.run(command, options);
    if (code !== 0) throw new Error(`${command}: exit code ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** A path of the container, as this process may use it. */
  path(inside: string): string {
    return join(`/proc/${this.#leader}/root`, inside);
  }

  write(inside: string, content: string, mode = 0o644): void {
    writeFileSync(this.path(inside), content, { mode });
  }

  async until(check: () => boolean, what: string): Promise<void> {
    const endsAt = performance.now() + DEADLINE_MS;
    while (!check()) {
      if (performance.now() > endsAt) {
        const journal = this.run('journalctl --no-pager -n 40').stdout;
        throw new Error(`${what} did not come; the journal ends:\n${journal}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /* Nothing in it is worth an orderly end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const leader = leaderOf(this.#nspawn.pid ?? 0);
    if (leader > 0) process.kill(leader, 'SIGKILL');
    else this.#nspawn.kill('SIGTERM');
    await this.#exited;
    for (const group of this.#groups) removeGroup(group);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #boot(): Promise<boolean> {
    const endsAt = performance.now() + BOOT_MS;
    while (performance.now() < endsAt && this.#nspawn.exitCode === null) {
      this.#leader ||= leaderOf(this.#nspawn.pid ?? 0);
      if (this.#leader > 0) {
        const { stdout } = this.run('systemctl is-active lab.target');
        if (stdout.trim() === 'active') return true;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return false;
  }
}

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'only root can boot a container';
  const needed = ['systemd-nspawn', 'nsenter', 'setpriv', 'systemctl'];
  const missing = needed.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  return missing.length === 0 ? null : `there is no ${missing.join(', no ')} on the PATH`;
}

/* Should this process be killed, `timeout` is told, and tells the container. */
function nspawn(folder: string, binds: Binds, root: string | null): readonly string[] {
  const isUnderSystemd = existsSync('/run/systemd/system');
  return [
    ...['setpriv', '--pdeathsig', 'TERM', 'timeout', '--kill-after=10', String(LIFE_S)],
    ...['systemd-nspawn', '--quiet', `--directory=${root ?? '/'}`, '--boot'],
    ...(root === null ? ['--volatile=yes'] : []),
    /* Where systemd runs, nspawn asks it for control groups; else it takes those it is in. */
    ...['--register=no', ...(isUnderSystemd ? [] : ['--keep-unit'])],
    ...['--private-network', '--link-journal=no', '--console=pipe'],
    ...Object.entries(binds).map(([here, there]) => `--bind-ro=${here}:${there}`),
    `--bind-ro=${join(folder, 'lab.target')}:/etc/systemd/system/lab.target`,
    ...['--bind-ro=/etc/hosts', '--bind-ro=/etc/nsswitch.conf', 'systemd.unit=lab.target'],
  ];
}

/* The first process of the container, a descendant of `ancestor`; 0 = there is none. */
function leaderOf(ancestor: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const status = /^\d+$/.test(name) ? statusOf(Number(name)) : '';
    parents.set(Number(name), Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0));
  }
  const isOurs = (pid: number): boolean =>
    pid === ancestor || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  for (const pid of parents.keys()) {
    const isFirst = /^NSpid:.*\s1$/m.test(statusOf(pid));
    if (pid !== ancestor && isFirst && isOurs(pid)) return pid;
  }
  return 0;
}

/* Empty when the process is gone. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

const GROUP_ROOTS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'];

/* nspawn names its groups `payload` and `supervisor` beneath its own: each container gets a group. */
function makeGroups(): readonly string[] {
  if (existsSync('/run/systemd/system')) return [];
  const name = `sms-spoold-machine-${process.pid}-${Date.now()}`;
  return GROUP_ROOTS.filter((root) => existsSync(join(root, 'cgroup.procs'))).map((root) => {
    const group = join(root, name);
    mkdirSync(group);
    return group;
  });
}

function inGroups(groups: readonly string[]): readonly string[] {
  const enter = groups.map((group) => `echo $$ >'${group}/cgroup.procs'`).join(' && ');
  return ['sh', '-c', `${enter || ':'} && exec "$@"`, 'sh'];
}

/* Children first; a control group is a folder without files of its own. */
function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
}
