/**
 * Listens where the configuration says, or on a socket that was passed, and closes within a time limit.
 *
 * Always holds: the error of an address that cannot be used names the key and what to do.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { codeOf } from '../core/text/error-code.ts';

export type ListenErrorCode =
  | 'address-in-use'
  | 'not-permitted'
  /** No interface of this machine has it, or its name is not known. */
  | 'no-such-address'
  /** The service manager passed a descriptor that is no listening socket. */
  | 'bad-socket'
  | 'cannot-listen';

/** Nobody can listen there. `cause` is the system's own error. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: ListenErrorCode;

  constructor(code: ListenErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

const BY_SYSTEM_CODE: Readonly<Record<string, readonly [ListenErrorCode, string]>> = {
  EADDRINUSE: ['address-in-use', 'another program listens there; stop it or choose another port'],
  EACCES: ['not-permitted', 'not permitted; choose a port from 1024 up'],
  EPERM: ['not-permitted', 'not permitted; choose a port from 1024 up'],
  EADDRNOTAVAIL: ['no-such-address', 'no interface of this machine has that address'],
  ENOTFOUND: ['no-such-address', 'that name is not known; write an IP address'],
  EAI_AGAIN: ['no-such-address', 'that name cannot be looked up now; write an IP address'],
};

/** `key` is that of `listen` ("HOST:PORT", "[::1]:PORT"). `fd` not null = that socket, whatever `listen` says. */
export interface ListenPlace {
  readonly key: 'receipts.listen' | 'admin.listen';
  readonly listen: string;
  readonly fd: number | null;
}

/** How many connections the kernel keeps until they are accepted; it has its own, lower limit. */
const BACKLOG = 4_096;

/** Resolves with the address in use, as "127.0.0.1:8026". Rejects with a ListenError. */
export async function listenAt(server: Server, place: ListenPlace): Promise<string> {
  try {
    /* Of a descriptor, Node takes the backlog from the arguments alone, and 511 where there is none. */
    if (place.fd === null) server.listen({ ...hostAndPort(place.listen), backlog: BACKLOG });
    else server.listen({ fd: place.fd }, BACKLOG);
    await once(server, 'listening');
  } catch (error) {
    throw explained(place, error);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') return address ?? '';
  const { family, address: host, port } = address;
  return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Answers open requests, and cuts those that take longer than `limitMs`. */
export async function closeWithin(
  app: { readonly server: Server; readonly close: () => PromiseLike<unknown> },
  limitMs: number,
): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), limitMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}

/** Without the brackets of an IPv6 address. */
export function hostAndPort(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(listen.slice(colon + 1)) };
}

function explained({ key, listen, fd }: ListenPlace, cause: unknown): ListenError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (fd !== null) {
    const message = `descriptor ${fd} from the service manager is no listening socket (${detail}); check the socket unit`;
    return new ListenError('bad-socket', message, cause);
  }
  const [code, advice] = BY_SYSTEM_CODE[codeOf(cause) ?? ''] ?? ['cannot-listen', detail];
  return new ListenError(code, `${key}: ${listen}: ${advice}`, cause);
}
