/**
 * Where receipts come in: the address of the configuration, or a socket that listens already.
 *
 * Always holds: whoever cannot listen is told the address, the key and what to do.
 */
import type { Server } from 'node:http';
import type { ListenOptions } from 'node:net';
import { codeOf } from '../core/text/error-code.ts';

export type ListenerErrorCode =
  | 'address-in-use'
  | 'not-permitted'
  /** No interface of this machine has it, or its name is not known. */
  | 'no-such-address'
  /** What the service manager passed is no socket that listens. */
  | 'bad-socket'
  | 'cannot-listen';

/** Receipts cannot be listened for. `cause` is the system's own error. */
export class ListenerError extends Error {
  override readonly name = 'ListenerError';
  readonly code: ListenerErrorCode;

  constructor(code: ListenerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `fd` not null = that socket, whatever `listen` ("HOST:PORT", "[::1]:PORT") says. */
export interface Place {
  readonly listen: string;
  readonly fd: number | null;
}

/** How many connections the kernel keeps until they are accepted; it has its own, lower limit. */
const BACKLOG = 4_096;

const BY_SYSTEM_CODE: Readonly<Record<string, readonly [ListenerErrorCode, string]>> = {
  EADDRINUSE: ['address-in-use', 'another program listens there; stop it or choose another port'],
  EACCES: ['not-permitted', 'not permitted; choose a port from 1024 up, or pass the socket'],
  EPERM: ['not-permitted', 'not permitted; choose a port from 1024 up, or pass the socket'],
  EADDRNOTAVAIL: ['no-such-address', 'no interface of this machine has that address'],
  ENOTFOUND: ['no-such-address', 'that name is not known; write an IP address'],
  EAI_AGAIN: ['no-such-address', 'that name cannot be looked up now; write an IP address'],
};

/** Resolves with the address in use, as "127.0.0.1:8026". Rejects with a ListenerError. */
export async function bind(server: Server, place: Place): Promise<string> {
  try {
    await listening(server, place);
  } catch (error) {
    throw explained(place, error);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') return address ?? '';
  const { family, address: host, port } = address;
  return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`;
}

function optionsOf(listen: string): ListenOptions {
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(listen.slice(colon + 1)), backlog: BACKLOG };
}

function listening(server: Server, { listen, fd }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    const listens = (): void => {
      server.off('error', reject);
      resolve();
    };
    server.once('error', reject);
    /* Of a descriptor, Node takes the backlog from the arguments alone, and 511 where there is none. */
    if (fd === null) server.listen(optionsOf(listen), listens);
    else server.listen({ fd }, BACKLOG, listens);
  });
}

function explained({ listen, fd }: Place, cause: unknown): ListenerError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (fd !== null) {
    const message = `descriptor ${fd} from the service manager is no socket that listens (${detail}); check the socket unit`;
    return new ListenerError('bad-socket', message, { cause });
  }
  const systemCode = codeOf(cause) ?? '';
  const [code, advice] = BY_SYSTEM_CODE[systemCode] ?? ['cannot-listen', detail];
  return new ListenerError(code, `receipts.listen: ${listen}: ${advice}`, { cause });
}

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

/** FileDescriptorName= of the socket unit. */
const NAME = 'receipts';

/**
 * The socket that systemd opened for us (sd_listen_fds(3)) and named `receipts`, the first if several. Null when none
 * was passed, or when what the environment says is not meant for this process or contradicts itself.
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | null {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_PID !== String(pid) || LISTEN_FDNAMES === undefined) return null;
  const names = LISTEN_FDNAMES.split(':');
  const at = names.indexOf(NAME);
  return at === -1 || LISTEN_FDS !== String(names.length) ? null : FIRST_FD + at;
}
