/**
 * `run`: the daemon, in the foreground. SIGTERM and SIGINT drain it and end it. A second one ends it at once, and open
 * requests are then uncertain. SIGHUP opens the log file again and reads the configuration again. Without an account it
 * stays up, says what is missing and reads the configuration at SIGHUP, so that a service manager does not restart it
 * in a loop.
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
import { SpoolError, type SpoolErrorCode } from '../../spool/sql/spool-errors.ts';
import { StatusLog } from '../../log/status-log.ts';
import { Announcer } from '../../systemd/announcer.ts';
import { Pulse, statusLines } from '../../systemd/pulse.ts';
import { configFor } from '../open-spool.ts';

/** `early`: signals that came before this was loaded; more may come in until it runs. */
export function runCommand(early: readonly NodeJS.Signals[]): Command {
  return new Command('run')
    .summary('the daemon, in the foreground')
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

/** Runs until a signal says otherwise. Throws ConfigError and SpoolError, and whatever stops the daemon. */
export async function run(load: () => Config, early: readonly NodeJS.Signals[]): Promise<void> {
  using signals = new Signals(early);
  using announcer = new Announcer({ env: process.env, pid: process.pid, onTrouble: sayUnheard });
  const config = await configured(load, { signals, announcer });
  if (config === null) return;
  if (ownerToBecome(config.spool.path) !== null) loadListeners();
  becomeOwnerOf(config.spool.path);
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined); // told to whoever waits
  const daemon = new Daemon(config, {
    onFatal: (error) => fail(error),
    onWaiting: () => begin(),
  });
  const lines = statusLines(() => daemon.vitals, systemClock.monotonicMs);
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

/** A file that stays as it is: the unit does not try again. The remedy is a person's. */
const LASTING: readonly SpoolErrorCode[] = ['not-a-spool', 'broken'];

class LastingError extends CommandError {
  override readonly name = 'LastingError';
  override readonly exitCode = EXIT.badConfiguration;
}

function lasting(error: unknown): unknown {
  const isLasting = error instanceof SpoolError && LASTING.includes(error.code);
  return isLasting ? new LastingError(error.message, { cause: error }) : error;
}

function sayUnheard(reason: string): void {
  const warning = `systemd is not told how the daemon is: ${reason}`;
  const log = new StatusLog({ level: 'warn', recipients: 'masked', file: null });
  log.say('daemon.warning', { warning });
}

interface Heard {
  readonly signals: Signals;
  readonly announcer: Announcer;
}

/** What a daemon without a configuration tells of itself. */
const WAITING: AdminSource = {
  unready: () => 'waiting-for-configuration',
  stops: () => [],
  view: () => null,
};

/* Waits for a configuration that names an account; null = told to stop meanwhile. */
async function configured(load: () => Config, heard: Heard): Promise<Config | null> {
  const { announcer } = heard;
  let config = load();
  if (config.accounts.length > 0) return config;
  const waiting = `${MISSING.missing}: ${MISSING.remedy}`;
  const log = new StatusLog({ ...config.log, file: null });
  await using admin = await administer(config.admin, WAITING, log);
  announcer.ready(waiting);
  /* There is no loop yet: nothing to do but to wait. */
  let looks = 0;
  using pulse = new Pulse({ announcer, turns: () => (looks += 1), status: () => waiting });
  pulse.start();
  while (config.accounts.length === 0) {
    log.say('daemon.waiting', { ...MISSING, admin: admin?.address });
    const next = await loadedAgain(load, heard, log);
    if (next === null) return null;
    config = next;
  }
  return config;
}

/* The next configuration that can be read: until then it is as if nothing were configured. */
async function loadedAgain(
  load: () => Config,
  { signals, announcer }: Heard,
  log: StatusLog,
): Promise<Config | null> {
  for (;;) {
    const hangUp = new Promise<'again'>((resolve) => {
      signals.onHangUp = () => resolve('again');
    });
    if ((await Promise.race([signals.stop, hangUp])) === 'stop') return null;
    try {
      return await announcer.reload(load);
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
  readonly stop: Promise<'stop'>;
  #onHangUp: (() => void) | null = null;
  /** One came before anybody could answer it. */
  #isHungUp = false;
  #resolve: (word: 'stop') => void = () => undefined;
  #isStopping = false;
  /* Nothing else may keep the process up while it waits for a configuration. */
  readonly #alive = setInterval(() => undefined, 2 ** 30);

  constructor(early: readonly NodeJS.Signals[]) {
    this.stop = new Promise((resolve) => {
      this.#resolve = resolve;
    });
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
    this.#resolve('stop');
  };

  readonly #hangUp = (): void => {
    if (this.#onHangUp === null) this.#isHungUp = true;
    else this.#onHangUp();
  };
}
