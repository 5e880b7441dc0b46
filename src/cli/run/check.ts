/** `check`: checks all that the daemon needs; each line is pass, warn or fail, with a remedy. Changes nothing. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { checkAccount } from '../checkup/check-account.ts';
import { checkConfig, checkNode, checkProblems } from '../checkup/check-config.ts';
import { checkSpool, findingsOfStops } from '../checkup/check-spool.ts';
import { checkProxy, checkSecrets, checkTakenUp } from '../checkup/check-secrets.ts';
import type { Finding } from '../checkup/finding.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/errors.ts';
import type { Loaded } from '../../config/load.ts';
import { EXIT } from '../../terminal/exit-codes.ts';
import { becomeOwnerOf } from '../run-as-owner.ts';
import { SpoolError } from '../../spool/sql/spool-errors.ts';
import { lastRunOf } from '../../spool/file/run-memory.ts';
import { isBusy } from '../../spool/file/open.ts';
import { print, printJson } from '../../terminal/print.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { configAsFarAsReadable, openConfigured, type OpenedSpool } from '../open-spool.ts';
import { daemonJson, stoppedNow } from '../inspect/stop-list.ts';

interface CheckOptions {
  readonly offline?: true;
  readonly json?: true;
}

export function checkCommand(): Command {
  return new Command('check')
    .summary('check everything that the daemon needs')
    .description(
      'Looks at the configuration, the spool, permissions, and the credentials, balance and limit of each ' +
        'account. Sends no message and changes nothing. Exit code 1 if a line fails.',
    )
    .option('--offline', 'do not ask the gateway')
    .option('--json', 'one JSON document a line')
    .addHelpText('after', '\nExample:\n  $ sms-spoold --config new.toml check')
    .action(async (options: CheckOptions, command: Command) => {
      let failures = 0;
      for await (const finding of findings(command, options)) {
        if (finding.verdict === 'fail') failures += 1;
        await (options.json ? printJson(finding) : printFinding(finding));
      }
      if (failures > 0) process.exitCode = EXIT.failed;
    });
}

/* One by one: each is printed before the next is looked for, which may take seconds. */
async function* findings(command: Command, options: CheckOptions): AsyncGenerator<Finding> {
  const loaded = readConfig(command);
  if (loaded instanceof ConfigError) {
    yield checkNode();
    yield* checkProblems(loaded.problems);
    return;
  }
  const { config, unreadSecrets } = loaded;
  /* The caller reads the configuration and its secrets, the owner of the spool reads the spool. */
  const ofConfig = [
    ...checkProblems(unreadSecrets),
    ...checkConfig(config),
    ...checkSecrets(config),
  ];
  becomeOwnerOf(config.spool.path);
  /* Before anything opens the spool: that may change the modes of its files. */
  const spool = checkSpool(config.spool.path);
  const [daemon, ...stopped] = await checkStopped(config);
  if (daemon !== undefined) yield daemon;
  yield checkNode();
  yield* ofConfig;
  yield* spool;
  yield* stopped;
  if (options.offline) return;
  yield* checkProxy(process.env);
  for (const account of config.accounts) {
    const origin = config.secretOrigins.get(`accounts.${account.name}.api_secret`) ?? null;
    yield* await checkAccount(account, origin);
  }
}

/* Whether a daemon runs, first; then one finding for each thing that is stopped. Empty = there is no spool. */
async function checkStopped(config: Config): Promise<readonly Finding[]> {
  using spool = openIfThere(config);
  if (spool === null) return [];
  const stopped = await stoppedNow(spool, Date.now() / 1000);
  const [daemon, ...stops] = findingsOfStops(stopped);
  const changed = stopped.daemon.isRunning ? checkTakenUp(config, lastRunOf(spool.db)) : [];
  if (daemon === undefined) return changed;
  return [{ ...daemon, daemon: daemonJson(stopped) }, ...stops, ...changed];
}

/* Null = checkSpool says what is wrong with the file. */
function openIfThere(config: Config): OpenedSpool | null {
  if (!existsSync(config.spool.path)) return null;
  try {
    return openConfigured(config);
  } catch (error) {
    if (error instanceof SpoolError || isBusy(error)) return null;
    throw error;
  }
}

function readConfig(command: Command): Loaded | ConfigError {
  try {
    return configAsFarAsReadable(command);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

async function printFinding({ verdict, subject, found, remedy }: Finding): Promise<void> {
  const width = terminalWidth();
  await print(`${wrap(`${verdict}  ${subject}: ${found}`, 6, width)}\n`);
  if (remedy !== null) await print(`      ${wrap(`→ ${remedy}`, 8, width - 6)}\n`);
}
