/**
 * `demo`: runs an application, the spool, the daemon and a sandbox gateway in one process, without leaving the machine.
 * Ends by itself, with a summary, and fails if any promise was broken.
 *
 * Always holds: the folder is removed at the end unless it is to be kept; no wait is longer than the limit.
 */
import { Command, InvalidArgumentError } from 'commander';
import { Application } from '../../demo/application.ts';
import { factsOf, type DemoFacts } from '../../demo/demo-facts.ts';
import { introduction } from '../../demo/introduction.ts';
import { Narrator, rawVoice, type Voice } from '../../demo/narrator.ts';
import { play } from '../../demo/play.ts';
import { DemoFolder, startGateway } from '../../demo/setting.ts';
import { DemoEnd } from '../../demo/demo-end.ts';
import { summaryDocument, summaryOf } from '../../demo/summary.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import { print, printJson, printSafe, writeSafe } from '../../terminal/print.ts';

interface DemoFlags {
  readonly keep?: true;
  readonly json?: true;
  readonly limit: number;
}

/** The daemon may take a few seconds more to stop. */
const DEFAULT_LIMIT_SECONDS = 55;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('try it out: sandbox, daemon and sample messages in one')
    .description(
      'Starts a sandbox gateway and the daemon in one process, adds some 160 messages as an application ' +
        'would, shows what happens to them, and compares the spool with the gateway’s ledger at the end. ' +
        'Takes about 12 s, needs no configuration, and sends nothing to anybody.',
    )
    .option('--keep', 'keep the spool, and say where it is')
    .option('--json', 'the status log unchanged, then the summary as one JSON document')
    .option('--limit <seconds>', 'give up after this time', wholeSeconds, DEFAULT_LIMIT_SECONDS)
    .addHelpText('after', '\nExample:\n  $ sms-spoold demo --keep')
    .action(demo);
}

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('Expected seconds, 1 to 999.');
  return Number(text);
}

async function demo(flags: DemoFlags): Promise<void> {
  using folder = new DemoFolder(flags.keep ?? false);
  using end = new DemoEnd(flags.limit * 1000);
  const startedAtMs = performance.now();
  const voice = flags.json ? rawVoice(writeSafe) : new Narrator(writeSafe, () => performance.now());
  const facts = await perform(folder, voice, end);
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

/* From the start of the gateway to its end. */
async function perform(folder: DemoFolder, voice: Voice, end: DemoEnd): Promise<DemoFacts> {
  await using gateway = await startGateway();
  const { spoolPath } = folder;
  using application = new Application(spoolPath);
  if (voice instanceof Narrator) writeSafe(introduction(gateway.url, spoolPath));
  await play({ spoolPath, gatewayUrl: gateway.url, application, voice, end });
  return factsOf(application.db, gateway.ledger, application.inserted);
}
