/**
 * Keeps room for new connections on an HTTP server: near its limit, connections without an open request are closed,
 * those first that have been idle longest.
 *
 * Always holds: a connection with an open request, or with a request that has begun to arrive, is left alone.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The share of the limit that is kept free of idle connections, for those that come in one turn of the loop. */
const ROOM = 0.05;
/** A client that sends nothing for this time after it connected counts as idle. */
const SILENT_MS = 1_000;

/** Limits the connections of a server that has just begun to listen. */
export function limitConnections(server: Server, max: number): void {
  const target = max - Math.ceil(max * ROOM);
  const all = new Set<Socket>();
  /** Open requests of connections that have any. */
  const open = new Map<Socket, number>();
  /** Connections that have sent nothing yet, and since when (monotonic ms). */
  const silent = new Map<Socket, number>();
  /** Connections between two requests; the first has been idle longest. */
  const idle = new Set<Socket>();
  const forget = (socket: Socket): void => {
    for (const known of [all, open, silent, idle]) known.delete(socket);
  };
  const close = (socket: Socket): void => {
    forget(socket);
    socket.destroy();
  };
  server.maxConnections = max;
  server.on('connection', (socket: Socket) => {
    all.add(socket);
    silent.set(socket, performance.now());
    socket.once('close', () => forget(socket));
    if (all.size <= target) return;
    const [oldest = oldestSilent(silent)] = idle;
    if (oldest !== null) close(oldest);
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    silent.delete(socket);
    idle.delete(socket);
    open.set(socket, (open.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (open.get(socket) ?? 1) - 1;
      if (left > 0) open.set(socket, left);
      else open.delete(socket);
      if (left === 0 && all.has(socket)) idle.add(socket);
    });
  });
}

function oldestSilent(silent: ReadonlyMap<Socket, number>): Socket | null {
  for (const [socket, since] of silent) {
    if (performance.now() - since < SILENT_MS) return null;
    if (socket.bytesRead === 0) return socket;
  }
  return null;
}
