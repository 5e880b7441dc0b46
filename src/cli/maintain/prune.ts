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

/** Milliseconds between two batches, in which other programs can write to the spool. */
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
    await printJson({
      ...{ before: isoTime(before), found: total, pruned, archive: file },
      ...{ states: Object.fromEntries(over), dry_run: options.dryRun ?? false },
      vacuumed: options.dryRun !== true && notVacuumed === null,
      not_vacuumed: notVacuumed,
    });
    return;
  }
  const what = options.dryRun ? foundOf(over, total, file) : prunedOf(total, pruned, file);
  await print(`${what} that ended before ${localTime(before)}.\n`);
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

interface PruneRun {
  /** Unix seconds. */
  readonly before: number;
  readonly total: number;
  /** Null = they are deleted. */
  readonly file: string | null;
}

async function run(
  { config, db }: OpenedSpool,
  { before, total, file }: PruneRun,
): Promise<number> {
  using archive = file === null ? null : Archive.open(db, file);
  const pruning = new Pruning(db, { before, archive, notTold: notToldBy(config.notify) });
  using progress = startProgress(file === null ? 'pruning' : 'moving', total);
  let pruned = 0;
  for (;;) {
    const began = performance.now();
    const count = pruning.batch();
    if (count === 0) return pruned;
    pruned += count;
    progress.update(Math.min(pruned, total));
    await sleep(Math.max(BREATH_MS, performance.now() - began));
  }
}

function foundOf(over: ReadonlyMap<string, number>, total: number, file: string | null): string {
  const states = [...over].map(([state, count]) => `${state} ${count.toLocaleString('en')}`);
  const detail = states.length === 0 ? '' : ` (${states.join(', ')})`;
  return `Would ${file === null ? 'delete' : 'move'} ${messages(total)}${detail}`;
}

function prunedOf(total: number, pruned: number, file: string | null): string {
  const left = total - pruned;
  const kept =
    left > 0 ? `${messages(left)} stay, because [notify] has not reported them yet. ` : '';
  return `${kept}${file === null ? 'Deleted' : 'Moved'} ${messages(pruned)}${file === null ? '' : ` to ${file}`}`;
}

function messages(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'message' : 'messages'}`;
}
