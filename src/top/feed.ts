/**
 * Where `top` has its numbers from: the daemon, over its admin listener, or else the spool.
 *
 * Always holds: a daemon on another spool is not taken for ours; one that does not answer in time is as good
 * as none, for that moment.
 */
import { get } from 'node:http';
import type { Status } from '../core/status.ts';
import { localTime } from '../terminal/times.ts';
import type { View } from './frame.ts';
import type { OwnCount } from './own-count.ts';

const PATIENCE_MS = 1_500;
/** A daemon with as many lanes as have names says less than this. */
const BYTES_MAX = 4_000_000;

export interface FeedOptions {
  /** "HOST:PORT" of the daemon's admin listener. */
  readonly listen: string;
  /** Path of the spool. */
  readonly path: string;
  readonly own: OwnCount;
  /** Unix seconds. */
  readonly now: () => number;
}

/** The numbers of this moment. */
export async function readView(options: FeedOptions): Promise<View> {
  const { listen, path, own, now } = options;
  const status = await ask(listen);
  if (status?.spool === path) return { status, source: 'daemon', note: null };
  const why =
    status === null
      ? `${listen} (admin.listen) does not answer`
      : `the daemon on ${listen} (admin.listen) has another spool, ${status.spool}`;
  const counted = await own.status(now());
  const at = localTime(own.countedAt).slice(11);
  return { status: counted, source: 'spool', note: `${why}; counted from the spool at ${at}` };
}

/* Null = no daemon of ours answers there. */
function ask(listen: string): Promise<Status | null> {
  return new Promise((resolve) => {
    const url = `http://${listen}/status`;
    const request = get(url, { timeout: PATIENCE_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > BYTES_MAX) request.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? statusIn(text) : null));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.on('close', () => resolve(null));
  });
}

/* Whatever answers there may be something else altogether. */
function statusIn(text: string): Status | null {
  try {
    const said: unknown = JSON.parse(text);
    const isStatus =
      typeof said === 'object' && said !== null && 'spool' in said && 'lanes' in said;
    return isStatus ? (said as Status) : null;
  } catch {
    return null; // no JSON: not ours
  }
}
