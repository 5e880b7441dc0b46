/** Makes a disk that is full: a small file system in memory. Needs the right to mount one, which few machines give. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export const mayMount = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
})();

/** To be put behind the title of a test that mounts. */
export const skipped = mayMount ? '' : ' (skipped: no file system may be mounted here)';

/** Mounts a file system of four megabytes until the test ends; false = it cannot. */
export function mount(folder: string): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  if (status === 0) onTestFinished(() => void spawnSync('umount', ['-l', folder]));
  return status === 0;
}

/** Takes all the room that is left; the function it returns gives it back. */
export function fill(folder: string): () => void {
  const file = join(folder, 'filler');
  const descriptor = openSync(file, 'w');
  let size = 1 << 20;
  while (size >= 1) {
    try {
      writeSync(descriptor, Buffer.alloc(size, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      size = Math.floor(size / 4);
    }
  }
  closeSync(descriptor);
  return () => rmSync(file);
}
