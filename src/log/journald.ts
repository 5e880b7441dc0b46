/**
 * Tells whether standard output leads to systemd's journal, and gives the priority of a line in its form (`<6>` at the
 * beginning, which the journal removes). A flood of one priority is then limited by itself and cannot silence another.
 */
import { fstatSync } from 'node:fs';

/** Whether a descriptor is the stream that the service manager connected to the journal ($JOURNAL_STREAM). */
export function isJournalStream(fd: number, env: NodeJS.ProcessEnv): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(env['JOURNAL_STREAM'] ?? '') ?? [];
  if (device === undefined || inode === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return dev === BigInt(device) && ino === BigInt(inode);
}

/** Of syslog: 7 debug, 6 info, 4 warning, 3 error. */
const PRIORITIES: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** What a line of one of pino's levels begins with. */
export function priorityMark(level: number): string {
  return `<${PRIORITIES[level] ?? 6}>`;
}
