/**
 * Asks the running daemon for its status document, over its admin listener.
 *
 * Always holds: what answers may be another program, so a document is taken only if it has the form of ours,
 * and its texts are escaped where they are shown.
 */
import { get } from 'node:http';
import { readStatus } from '../core/read-status.ts';
import type { Status } from '../core/status.ts';

/** A daemon with as many lanes as have names says less than this. */
const BYTES_MAX = 4_000_000;

/** Null = no daemon of ours answers at "HOST:PORT" within `patienceMs`. */
export function askDaemon(listen: string, patienceMs: number): Promise<Status | null> {
  return new Promise((resolve) => {
    const url = `http://${listen}/status`;
    const request = get(url, { timeout: patienceMs }, (response) => {
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
    return readStatus(JSON.parse(text));
  } catch {
    return null; // no JSON: not ours
  }
}
