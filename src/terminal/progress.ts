/**
 * A progress bar on standard error, for people: where that is no terminal nothing is written at all. The
 * only file that knows cli-progress.
 */
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** Up to `done` of the total given at the start. */
  readonly update: (done: number) => void;
  readonly stop: () => void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** A bar named `title` that is full at `total`. Whoever starts it stops it, also when the work fails. */
export function startProgress(title: string, total: number): Progress {
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
