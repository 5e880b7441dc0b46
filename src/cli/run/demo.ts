/**
 * `demo`: an application, the spool, the daemon and a sandbox gateway in one process, on this machine alone.
 * Ends by itself, with a summary, and fails if any promise was broken.
 *
 * Always holds: the folder goes with the process unless it is to be kept; no wait is longer than the limit.
 */
import { Command, InvalidArgumentError } from 'commander';
import { Application } from '../../demo/application.ts';
import { factsOf, type Facts } from '../../demo/demo-facts.ts';
import { introduction } from '../../demo/introduction.ts';
import { Narrator, rawVoice, type Voice } from '../../demo/narrator.ts';
import { play } from '../../demo/play.ts';
import { Folder, startGateway } from '../../demo/setting.ts';
import { Stop } from '../../demo/demo-end.ts';
import { summaryDocument, summaryOf } from '../../demo/summary.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import { print, printJson, printSafe, writeSafe } from '../../terminal/print.ts';

interface DemoFlags {
  readonly keep?: true;
  readonly json?: true;
  readonly limit: number;
}

/** The daemon may take a few seconds more to leave. */
const DEFAULT_LIMIT_SECONDS = 55;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('see it work: sandbox, daemon and sample messages in one')
    .description(
      'Starts a sandbox gateway and the daemon in one process, adds some 160 messages as an application ' +
        'would, tells what happens to them, and holds the spool against the gateway’s ledger at the end. ' +
        'Takes about 12 s, needs no configuration, and sends nothing to anybody.',
    )
    .option('--keep', 'keep the spool, and say where it is')
    .option('--json', 'the status log as it is, then the summary as one JSON document')
    .option('--limit <seconds>', 'give up after so long', wholeSeconds, DEFAULT_LIMIT_SECONDS)
    .addHelpText('after', '\nExample:\n  $ sms-spoold demo --keep')
    .action(demo);
}

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('expected seconds, 1 to 999.');
  return Number(text);
}

async function demo(flags: DemoFlags): Promise<void> {
  using folder = new Folder(flags.keep ?? false);
  using stop = new Stop(flags.limit * 1000);
  const startedAtMs = performance.now();
  const voice = flags.json ? rawVoice(writeSafe) : new Narrator(writeSafe, () => performance.now());
  const facts = await perform(folder, voice, stop);
  const seconds = (performance.now() - startedAtMs) / 1000;
  if (flags.json) await printJson(summaryDocument(facts, seconds));
  else await printSafe(summaryOf(facts, seconds));
  if (flags.keep && !flags.json) await print(`\nThe spool was kept: ${folder.spoolPath}\n`);
  const { length } = facts.problems;
  if (length > 0) {
    const promises = length === 1 ? 'a broken promise' : `${length} broken promises`;
    throw new CommandError(`the demo failed: ${promises}, named above`);
  }
}

/* From the start of the gateway to its end; what came of it. */
async function perform(folder: Folder, voice: Voice, stop: Stop): Promise<Facts> {
  await using gateway = await startGateway();
  const { spoolPath } = folder;
  using application = new Application(spoolPath);
  if (voice instanceof Narrator) writeSafe(introduction(gateway.url, spoolPath));
  await play({ spoolPath, gatewayUrl: gateway.url, application, voice, stop });
  return factsOf(application.db, gateway.ledger, application.dropped);
}
