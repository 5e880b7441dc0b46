/**
 * `run`: the daemon, in the foreground. SIGTERM and SIGINT drain and leave; a second one leaves at once, and
 * what is out is then uncertain. SIGHUP opens the log file anew. With nothing configured it stays up, says
 * what is missing and looks again at SIGHUP, so that a service manager does not restart it for ever.
 */
import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { Daemon } from '../daemon.ts';
import { StatusLog } from '../status-log.ts';
import { readVersion } from '../version.ts';
import { configFor } from './opened.ts';

export function runCommand(): Command {
  return new Command('run')
    .summary('the daemon, in the foreground')
    .description(
      'Sends what is in the spool until SIGTERM or SIGINT, which drain: what has not left is given back, ' +
        'what has is waited for. A second one leaves at once. SIGHUP opens the log file anew.',
    )
    .addHelpText('after', '\nExample:\n  $ sms-spoold --config ./sms-spoold.toml run')
    .action(async (_options: unknown, command: Command) => {
      await run(() => configFor(command, 'read'));
    });
}

/** Runs until a signal says otherwise. Throws ConfigError and SpoolError, and whatever stops the daemon. */
export async function run(load: () => Config): Promise<void> {
  using signals = new Signals();
  const config = await configured(load, signals);
  if (config === null) return;
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  await using daemon = new Daemon(config, { onFatal: (error) => fail(error) });
  signals.onHangUp = () => daemon.log.reopen();
  await daemon.start(readVersion());
  await Promise.race([signals.stop, failed]);
}

/* Waits for a configuration that names an account; null = told to stop meanwhile. */
async function configured(load: () => Config, signals: Signals): Promise<Config | null> {
  let config = load();
  while (config.accounts.length === 0) {
    new StatusLog({ ...config.log, file: null }).say('warn', 'daemon.waiting', {
      missing: 'no account is configured',
      remedy: 'write a configuration (config/sms-spoold.toml is an example), then send SIGHUP',
    });
    const hangUp = new Promise<'again'>((resolve) => {
      signals.onHangUp = () => resolve('again');
    });
    if ((await Promise.race([signals.stop, hangUp])) === 'stop') return null;
    config = load();
  }
  return config;
}

/** The signals that a daemon answers, for as long as it lives. */
class Signals implements Disposable {
  readonly stop: Promise<'stop'>;
  onHangUp: () => void = () => undefined;
  #resolve: (word: 'stop') => void = () => undefined;
  #isStopping = false;
  /* Nothing else may keep the process up while it waits for a configuration. */
  readonly #alive = setInterval(() => undefined, 2 ** 30);

  constructor() {
    this.stop = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    process.on('SIGTERM', this.#onStop);
    process.on('SIGINT', this.#onStop);
    process.on('SIGHUP', this.#onHangUp);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#alive);
    process.off('SIGTERM', this.#onStop);
    process.off('SIGINT', this.#onStop);
    process.off('SIGHUP', this.#onHangUp);
  }

  readonly #onStop = (): void => {
    if (this.#isStopping) process.exit(1);
    this.#isStopping = true;
    this.#resolve('stop');
  };

  readonly #onHangUp = (): void => this.onHangUp();
}
