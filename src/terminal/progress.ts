/**
 * Shows a progress bar on standard error, if that is a terminal; else nothing. The only file that imports cli-progress.
 */
import { SingleBar } from 'cli-progress';

export interface ProgressBar extends Disposable {
  readonly update: (done: number) => void;
}

const SILENT: ProgressBar = { update: () => undefined, [Symbol.dispose]: () => undefined };

/** A bar named `title` that is full at `total`. */
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
  return { update: (done) => bar.update(done), [Symbol.dispose]: () => bar.stop() };
}
