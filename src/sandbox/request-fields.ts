/**
 * The fields of a request, however they came: a form, or the flat JSON object that the official client sends.
 * Also reads bodies, within a bound that no real SMS comes near.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRecord } from './sandbox-check.ts';
import { send } from './faults.ts';

/** Longest request body, bytes; a longer one is answered 413. */
export const REQUEST_BYTES = 65_536;

export type Fields = ReadonlyMap<string, string>;

/** Hands the whole body to `use`; a client that leaves first is forgotten. */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  use: (body: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes <= REQUEST_BYTES) chunks.push(chunk);
    else if (!response.headersSent) {
      chunks.length = 0;
      response.setHeader('connection', 'close');
      send(response, 413, '<h1>413 Request Entity Too Large</h1>');
    }
  });
  request.on('end', () => {
    if (bytes <= REQUEST_BYTES) use(Buffer.concat(chunks, bytes).toString('utf8'));
  });
}

function fromJson(body: string): Fields | null {
  const fields = new Map<string, string>();
  const value = parseJson(body);
  if (!isRecord(value)) return null;
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue;
    fields.set(key, typeof item === 'string' ? item : JSON.stringify(item));
  }
  return fields;
}

/** The value; undefined when it is no JSON. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** Null = JSON was promised and something else came. Of a field that came twice the last one counts. */
export function readFields(contentType: string, body: string): Fields | null {
  if (/\bjson|javascript/i.test(contentType)) return fromJson(body);
  return new Map(new URLSearchParams(body));
}
