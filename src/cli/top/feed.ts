/**
 * Gets the numbers of `top`: from the daemon, over its admin listener, or else the spool.
 *
 * Always holds: a daemon on another spool is not taken for ours; one that does not answer in time is as good
 * as none, for that moment.
 */
import { localTime } from '../../terminal/times.ts';
import { askDaemon } from './ask-daemon.ts';
import type { View } from './frame.ts';
import type { SpoolStatus } from './spool-status.ts';

const PATIENCE_MS = 1_500;

export interface FeedOptions {
  /** "HOST:PORT" of the daemon's admin listener. */
  readonly listen: string;
  /** Path of the spool. */
  readonly path: string;
  readonly own: SpoolStatus;
  /** Unix seconds. */
  readonly now: () => number;
}

/** The numbers of this moment. */
export async function readView(options: FeedOptions): Promise<View> {
  const { listen, path, own, now } = options;
  const status = await askDaemon(listen, PATIENCE_MS);
  if (status?.spool === path) return { status, source: 'daemon', note: null };
  const why =
    status === null
      ? `${listen} (admin.listen) does not answer`
      : `the daemon on ${listen} (admin.listen) has another spool, ${status.spool}`;
  const counted = await own.status(now());
  const at = localTime(own.countedAt).slice(11);
  return { status: counted, source: 'spool', note: `${why}; counted from the spool at ${at}` };
}
