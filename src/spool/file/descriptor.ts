/** Closes file descriptors, whatever happens to the work with them. */
import { closeSync } from 'node:fs';

/** Gives what `work` gives. */
export function withDescriptor<T>(fd: number, work: (fd: number) => T): T {
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}
