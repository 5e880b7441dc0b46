/** What this user may do with a path, and how a path stands in a command. Opens nothing. */
import { accessSync, constants } from 'node:fs';

/** Whether this user may write there; false also when there is nothing. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
}
