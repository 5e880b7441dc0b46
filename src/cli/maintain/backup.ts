/** `backup`: copies a live spool into a file that is marked, so that the daemon knows it when it is restored. */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { UsageError } from '../../terminal/exit-codes.ts';
import { backUp } from '../../spool/write/backup-copy.ts';
import { print, printJson } from '../../terminal/print.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { openToRead, targetOf } from '../open-spool.ts';

export function backupCommand(): Command {
  return new Command('backup')
    .summary('copy a live spool into a file')
    .description(
      'Copies the spool, as it is at this moment, into a new file, and verifies it; the daemon goes on ' +
        'meanwhile. What was deleted or forgotten is not in it. The file has a mark: a daemon that is started on ' +
        'it sends nothing until you decide what to do with what waited (resume --restored), since that may have ' +
        'been sent after the backup was made. A copy made with cp or sqlite3 has none: on another machine it would send everything again.\n\n' +
        'To restore: stop the daemon, remove the -wal and the -shm next to the spool, put the file in the ' +
        'place of the spool, start the daemon.',
    )
    .argument('<file>', 'the file to make, which must not exist; - writes to standard output')
    .option('--json', 'one JSON document')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: BackupOptions, command: Command) => {
      if (file === '-') await backUpToOutput(options, command);
      else await backUpToFile(file, options, command);
    });
}

interface BackupOptions {
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ sms-spoold backup /var/backups/sms-spoold/spool-2026-11-23.db
  $ sms-spoold backup - | gzip > /srv/spool-2026-11-23.db.gz`;

async function backUpToFile(file: string, options: BackupOptions, command: Command): Promise<void> {
  using spool = openToRead(command);
  const path = targetOf(file);
  const { at, bytes, messages } = backUp(spool.db, path);
  if (options.json) {
    await printJson({ file: path, backup_at: isoTime(at), bytes, messages });
    return;
  }
  const size = (bytes / 1024 ** 2).toFixed(1);
  const count = messages.toLocaleString('en');
  await print(
    `Backed up as ${path}: ${count} messages, ${size} MiB, as of ${localTime(at)}; verified.\n`,
  );
}

/* The copy is made and verified in a private folder first, so that no incomplete backup is written. */
async function backUpToOutput(options: BackupOptions, command: Command): Promise<void> {
  if (options.json) throw new UsageError('--json and - both write to standard output: use one');
  if (process.stdout.isTTY) {
    throw new UsageError('standard output is a terminal: write to a file, or into a pipe');
  }
  using spool = openToRead(command);
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-backup-'));
  try {
    const file = join(folder, 'spool.db');
    backUp(spool.db, file);
    await pipeline(createReadStream(file), process.stdout, { end: false });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
