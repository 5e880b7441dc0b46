/** `prune`: deletes old final messages, or moves them to an archive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../../config/duration-values.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import { notToldBy } from '../../daemon/make-policy.ts';
import { Archive } from '../../spool/write/archive.ts';
import { countOver, Pruning } from '../../spool/write/retention-deletes.ts';
import { vacuum, type NotVacuumed } from '../../spool/file/wal.ts';
import { print, printJson, printLine } from '../../terminal/print.ts';
import { startProgress } from '../../terminal/progress.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { openToWrite, targetOf, type OpenedSpool } from '../open-spool.ts';

interface PruneCommandOptions {
  readonly archive?: string;
  /** Milliseconds. */
  readonly olderThan?: number;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Between two batches the others have the spool for at least so long. */
const BREATH_MS = 5;

export function pruneCommand(): Command {
  return new Command('prune')
    .summary('delete old final messages, or move them to an archive')
    .description(
      'Deletes final messages that ended longer ago than spool.retention, or than --older-than says, with ' +
        'their attempts, parts, receipts and events. The daemon does this by itself; this is for doing it ' +
        'now, or for keeping them: --archive moves them to an SQLite file with the same tables. Messages ' +
        'that are not final, and those of which [notify] has still to tell, stay. Used idempotency keys ' +
        'are remembered as long as spool.keys_for says. Works while the daemon runs. At the end it vacuums ' +
        'the spool, so that nothing of what was deleted or forgotten is left in it; if it cannot, it says why.',
    )
    .option('--archive <file>', 'move them there; made when it is missing, else added to')
    .option('--older-than <duration>', 'ended longer ago than this, such as 30d', parseAge)
    .option('--dry-run', 'count them, and change nothing')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold prune --dry-run --older-than 7d\n' +
        '  $ sms-spoold prune --older-than 90d --archive /var/backups/sms-2026.db',
    )
    .action(prune);
}

function parseAge(value: string): number {
  const ageMs = parseDurationMs(value);
  if (ageMs === null) throw new InvalidArgumentError('Expected a duration such as 30d or 12h.');
  return ageMs;
}

async function prune(options: PruneCommandOptions, command: Command): Promise<void> {
  using spool = openToWrite(command);
  const ageMs = options.olderThan ?? spool.config.spool.retentionMs;
  if (ageMs === null) {
    throw new UsageError('spool.retention is "never": say how old with --older-than');
  }
  const before = Date.now() / 1000 - ageMs / 1000;
  const over = countOver(spool.db, before);
  const total = [...over.values()].reduce((sum, count) => sum + count, 0);
  const file = options.archive === undefined ? null : targetOf(options.archive);
  const pruned = options.dryRun ? 0 : await run(spool, { before, total, file });
  const notVacuumed = options.dryRun ? null : vacuum(spool.db, spool.config.spool.path);
  if (options.json) {
    const states = Object.fromEntries(over);
    const facts = { before: isoTime(before), found: total, pruned, archive: file, states };
    const isVacuumed = options.dryRun !== true && notVacuumed === null;
    await printJson({
      ...{ ...facts, dry_run: options.dryRun ?? false, vacuumed: isVacuumed },
      ...{ not_vacuumed: notVacuumed },
    });
    return;
  }
  await print(`${sentenceOf(options, { over, total, pruned, file })}${localTime(before)}.\n`);
  if (notVacuumed !== null) await printLine(`${NOT_VACUUMED[notVacuumed]}\n`);
}

const LEFT =
  'The spool was not vacuumed: texts that were deleted or forgotten may be left in free pages of the file.';
const STOPPED = 'systemctl stop sms-spoold && sms-spoold prune && systemctl start sms-spoold';
const NOT_VACUUMED: Readonly<Record<NotVacuumed, string>> = {
  'daemon-runs': `${LEFT} A daemon runs, and could not commit meanwhile. To do it: ${STOPPED}`,
  'no-room':
    `${LEFT} The disk of the spool needs twice the size of the spool free, and the folder for temporary files ` +
    `once. Make room, then run sms-spoold prune again.`,
  busy: `${LEFT} Another program held the write lock. Run sms-spoold prune again.`,
  'wal-in-use':
    'The spool was vacuumed, but another program still reads the old -wal next to it. ' +
    'End that program, then run sms-spoold prune again.',
};

async function run(
  { config, db }: OpenedSpool,
  what: { readonly before: number; readonly total: number; readonly file: string | null },
): Promise<number> {
  const { before, total, file } = what;
  using archive = file === null ? null : Archive.open(db, file);
  const pruning = new Pruning(db, { before, archive, notTold: notToldBy(config.notify) });
  const progress = startProgress(file === null ? 'pruning' : 'moving', total);
  try {
    let pruned = 0;
    for (;;) {
      const began = performance.now();
      const count = pruning.batch();
      if (count === 0) return pruned;
      pruned += count;
      progress.update(Math.min(pruned, total));
      await sleep(Math.max(BREATH_MS, performance.now() - began));
    }
  } finally {
    progress.stop();
  }
}

/* Up to the instant that it ends with. */
function sentenceOf(
  options: PruneCommandOptions,
  found: {
    readonly over: ReadonlyMap<string, number>;
    readonly total: number;
    readonly pruned: number;
    readonly file: string | null;
  },
): string {
  const { over, total, pruned, file } = found;
  const words = (count: number): string =>
    `${count.toLocaleString('en')} ${count === 1 ? 'message' : 'messages'}`;
  if (options.dryRun) {
    const states = [...over].map(([state, count]) => `${state} ${count.toLocaleString('en')}`);
    const detail = states.length === 0 ? '' : ` (${states.join(', ')})`;
    return `Would ${file === null ? 'delete' : 'move'} ${words(total)}${detail} that ended before `;
  }
  const left = total - pruned;
  const kept = left > 0 ? `${words(left)} stay, because [notify] has still to tell of them. ` : '';
  const verb = file === null ? 'Deleted' : 'Moved';
  const to = file === null ? '' : ` to ${file}`;
  return `${kept}${verb} ${words(pruned)}${to} that ended before `;
}
