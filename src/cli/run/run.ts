/**
 * `run`: runs the daemon in the foreground. SIGTERM and SIGINT drain it and end it. A second one ends it at once, and
 * open requests are then uncertain. SIGHUP opens the log file again and reads the configuration again. Without an
 * account it stays up and waits for SIGHUP, so that a service manager does not restart it in a loop.
 */
import { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import type { Config } from '../../config/config.ts';
import { Daemon } from '../../daemon/daemon.ts';
import { becomeOwnerOf, ownerToBecome } from '../run-as-owner.ts';
import { administer } from '../../daemon/status-source.ts';
import { sayRefused } from '../../daemon/reload.ts';
import { loadListeners, type AdminSource } from '../../admin/admin-listener.ts';
import { CommandError, EXIT } from '../../terminal/exit-codes.ts';
import { SpoolError } from '../../spool/sql/spool-errors.ts';
import { StatusLog } from '../../log/status-log.ts';
import { Announcer } from '../../systemd/announcer.ts';
import { Pulse, statusLines } from '../../systemd/pulse.ts';
import { configFor } from '../open-spool.ts';

/** `early`: signals that came before this was loaded; more may come in until it runs. */
export function runCommand(early: readonly NodeJS.Signals[]): Command {
  return new Command('run')
    .summary('run the daemon in the foreground')
    .description(
      'Sends what is in the spool until SIGTERM or SIGINT, which drain: what has not left is given back, ' +
        'what has is waited for. A second one leaves at once. SIGHUP opens the log file again and reads the ' +
        'configuration again; one that is wrong changes nothing, and the log says why.',
    )
    .addHelpText('after', '\nExample:\n  $ sms-spoold --config ./sms-spoold.toml run')
    .action(async (_options: unknown, command: Command) => {
      await run(() => configFor(command, 'read'), early);
    });
}

/** Runs until a signal. Throws ConfigError and SpoolError, and whatever stops the daemon. */
export async function run(load: () => Config, early: readonly NodeJS.Signals[]): Promise<void> {
  using signals = new Signals(early);
  using announcer = new Announcer({ env: process.env, pid: process.pid, onTrouble: warnUnheard });
  const config = await configured(load, signals, announcer);
  if (config === null) return;
  if (ownerToBecome(config.spool.path) !== null) loadListeners();
  becomeOwnerOf(config.spool.path);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // reported to whoever waits
  const daemon = new Daemon(config, { onFatal: fail, onWaiting: () => begin() });
  const lines = statusLines(() => daemon.health, systemClock.monotonicMs);
  const status = (): string => daemon.waiting ?? lines();
  using pulse = new Pulse({ announcer, turns: () => daemon.turns, status });
  const begin = (): void => {
    announcer.ready(status());
    pulse.start();
  };
  /* Whatever a timer or a socket throws ends the daemon in order, too. */
  process.on('uncaughtException', daemon.fail);
  signals.onHangUp = () => void announcer.reload(() => daemon.reload(load));
  let unwritten = 0;
  try {
    const starting = daemon.start();
    if ((await Promise.race([starting, signals.stop, failed])) !== 'stop') {
      begin();
      await Promise.race([signals.stop, failed]);
    }
  } catch (error) {
    throw lasting(error);
  } finally {
    announcer.stopping(`leaving: ${daemon.inFlight} in flight`);
    unwritten = await daemon.stop();
    process.off('uncaughtException', daemon.fail);
  }
  if (unwritten > 0) {
    throw new CommandError(
      `${unwritten} outcomes could not be written to ${config.spool.path} before the daemon had to stop; the log ` +
        'names them (message.unwritten), and their messages are uncertain at the next start',
    );
  }
}

/* A broken file stays broken: with this exit code the unit does not try again. */
function lasting(error: unknown): unknown {
  if (!(error instanceof SpoolError)) return error;
  if (error.code !== 'not-a-spool' && error.code !== 'broken') return error;
  return new CommandError(error.message, { cause: error, exitCode: EXIT.badConfiguration });
}

function warnUnheard(reason: string): void {
  const warning = `systemd is not told how the daemon is: ${reason}`;
  const log = new StatusLog({ level: 'warn', recipients: 'masked', file: null });
  log.say('daemon.warning', { warning });
}

/** The status of a daemon without a configuration. */
const WAITING: AdminSource = {
  unready: () => 'waiting-for-configuration',
  stops: () => [],
  view: () => null,
};

/* Waits for a configuration that names an account; null = a signal ended the wait. */
async function configured(
  load: () => Config,
  signals: Signals,
  announcer: Announcer,
): Promise<Config | null> {
  const first = load();
  if (first.accounts.length > 0) return first;
  const waiting = `${MISSING.missing}: ${MISSING.remedy}`;
  const log = new StatusLog({ ...first.log, file: null });
  await using admin = await administer(first.admin, WAITING, log);
  announcer.ready(waiting);
  /* There is no loop yet whose turns could be counted. */
  let looks = 0;
  using pulse = new Pulse({ announcer, turns: () => (looks += 1), status: () => waiting });
  pulse.start();
  const sayWaiting = (): void => log.say('daemon.waiting', { ...MISSING, admin: admin?.address });
  sayWaiting();
  for (;;) {
    const hangUp = Promise.withResolvers<'again'>();
    signals.onHangUp = () => hangUp.resolve('again');
    if ((await Promise.race([signals.stop, hangUp.promise])) === 'stop') return null;
    try {
      const next = await announcer.reload(load);
      if (next.accounts.length > 0) return next;
      sayWaiting();
    } catch (error) {
      sayRefused(log, error);
    }
  }
}

const MISSING = {
  missing: 'no account is configured',
  remedy:
    'fill in an account in sms-spoold.toml (sms-spoold check says where), then restart or reload',
} as const;

/** The signals that a daemon answers, for as long as it lives. */
class Signals implements Disposable {
  readonly #stop = Promise.withResolvers<'stop'>();
  readonly stop = this.#stop.promise;
  #onHangUp: (() => void) | null = null;
  /** SIGHUP came before anything could answer it. */
  #isHungUp = false;
  #isStopping = false;
  /* While it waits for a configuration, perhaps nothing else keeps the process up. */
  readonly #alive = setInterval(() => undefined, 2 ** 30);

  constructor(early: readonly NodeJS.Signals[]) {
    process.on('SIGTERM', this.#onStop);
    process.on('SIGINT', this.#onStop);
    process.on('SIGHUP', this.#hangUp);
    if (early.includes('SIGHUP')) this.#hangUp();
    if (early.includes('SIGTERM') || early.includes('SIGINT')) this.#onStop();
  }

  /** Answers SIGHUP from now on, one that came before too. */
  set onHangUp(answer: () => void) {
    this.#onHangUp = answer;
    if (!this.#isHungUp) return;
    this.#isHungUp = false;
    answer();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#alive);
    process.off('SIGTERM', this.#onStop);
    process.off('SIGINT', this.#onStop);
    process.off('SIGHUP', this.#hangUp);
  }

  readonly #onStop = (): void => {
    if (this.#isStopping) process.exit(1);
    this.#isStopping = true;
    this.#stop.resolve('stop');
  };

  readonly #hangUp = (): void => {
    if (this.#onHangUp === null) this.#isHungUp = true;
    else this.#onHangUp();
  };
}
