/** `backup`: copies a live spool into a file, which the daemon takes for what it is when it is restored. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { backUp } from '../spool/backup.ts';
import { print, printJson } from '../terminal/print.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { openToRead } from './opened.ts';

export function backupCommand(): Command {
  return new Command('backup')
    .summary('copy a live spool')
    .description(
      'Copies the spool, as it is at this moment, into a new file, and verifies it; the daemon goes on ' +
        'meanwhile. What was deleted or forgotten is not in it. The file bears a mark: a daemon that is started on ' +
        'it sends nothing until it is told what to do with what waited (resume --restored), since that may have ' +
        'been sent after the backup was made. A copy made with cp or sqlite3 bears none, and would send it all again.\n\n' +
        'To restore: stop the daemon, remove the -wal and the -shm beside the spool, put the file in the ' +
        'place of the spool, start the daemon.',
    )
    .argument('<file>', 'the file to make; it must not be there')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  $ sms-spoold backup /var/backups/spool-2026-11-23.db')
    .action(async (file: string, options: { readonly json?: true }, command: Command) => {
      using spool = openToRead(command);
      const path = resolve(file);
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
    });
}
