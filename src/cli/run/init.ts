/** `init`: makes the spool, or migrates an older one, and says which. */
import { statSync } from 'node:fs';
import { Command } from 'commander';
import { becomeOwnerOf } from '../run-as-owner.ts';
import { SpoolError } from '../../spool/sql/spool-errors.ts';
import { SCHEMA_VERSION } from '../../spool/schema/migrations.ts';
import { openSpool } from '../../spool/file/open.ts';
import { printLine } from '../../terminal/print.ts';
import { BUSY_MS, configFor } from '../open-spool.ts';

export function initCommand(): Command {
  return new Command('init')
    .summary('make or migrate the spool')
    .description(
      'Makes the spool that spool.path names, or brings one of an older version up to date. A spool that ' +
        'is up to date, and a file that is none, are left as they are.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ sms-spoold --config /etc/sms-spoold/sms-spoold.toml init',
    )
    .action(async (_options: unknown, command: Command) => {
      const { path } = configFor(command, 'leave').spool;
      becomeOwnerOf(path);
      await printLine(init(path));
    });
}

function init(path: string): string {
  const was = stateOf(path);
  openSpool(path, { create: true, busyTimeoutMs: BUSY_MS }).close();
  switch (was) {
    case 'missing':
      return `Made the spool ${path} (schema version ${SCHEMA_VERSION}).`;
    case 'older':
      return `Migrated the spool ${path} to schema version ${SCHEMA_VERSION}.`;
    case 'current':
      return `The spool ${path} is up to date (schema version ${SCHEMA_VERSION}).`;
  }
}

function stateOf(path: string): 'missing' | 'older' | 'current' {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return 'missing';
  try {
    openSpool(path, { busyTimeoutMs: BUSY_MS }).close();
    return 'current';
  } catch (error) {
    // Opening it with `create` migrates it, or throws the error that explains it best.
    if (error instanceof SpoolError) return 'older';
    throw error;
  }
}
