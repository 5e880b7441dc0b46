/**
 * Shows a progress bar on standard error, if that is a terminal; else nothing. The only file that imports cli-progress.
 */
import { SingleBar } from 'cli-progress';

export interface ProgressBar {
  /** Up to `done` of the total given at the start. */
  readonly update: (done: number) => void;
  readonly stop: () => void;
}

const SILENT: ProgressBar = { update: () => undefined, stop: () => undefined };

/** A bar named `title` that is full at `total`. Whoever starts it stops it, also when the work fails. */
export function startProgress(title: string, total: number): ProgressBar {
  if (!process.stderr.isTTY) return SILENT;
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${title.padEnd(10)} {bar} {percentage}%  {eta_formatted} left`,
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    etaBuffer: 100,
    fps: 10,
  });
  bar.start(total, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}
