/**
 * Reads the fields of a request from a form, or from the flat JSON object that the official client sends. Reads bodies
 * up to a bound far above any real SMS.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRecord } from './sandbox-check.ts';
import { send } from './faults.ts';

/** Longest request body, bytes; a longer one is answered 413. */
const REQUEST_BYTES = 65_536;

export type RequestFields = ReadonlyMap<string, string>;

/** Passes the whole body to `use`, unless the client leaves first. */
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

function fromJson(body: string): RequestFields | null {
  const fields = new Map<string, string>();
  const value = parseJson(body);
  if (!isRecord(value)) return null;
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue;
    fields.set(key, typeof item === 'string' ? item : JSON.stringify(item));
  }
  return fields;
}

/** Undefined = no JSON. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** Null = the content type says JSON and the body is none. Of a repeated field the last value counts. */
export function readFields(contentType: string, body: string): RequestFields | null {
  if (/\bjson|javascript/i.test(contentType)) return fromJson(body);
  return new Map(new URLSearchParams(body));
}
