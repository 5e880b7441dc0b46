/**
 * Serves health, metrics and the status document over HTTP to operators' programs. It has no password and is meant for
 * this machine.
 *
 * Always holds: only requests by an IP address or a name of its own are answered; `/healthz` answers while the process
 * runs; `/readyz` is 200 only while the loop runs and the spool can be written, and its body names what is stopped;
 * nothing here changes anything, and no failure here stops the daemon.
 */
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { isIP } from 'node:net';
import { escapeJson } from '../core/text/escape.ts';
import { isoOf } from '../log/event-lines.ts';
import { adviceOf, type Stop } from '../core/account/stops.ts';
import { limitConnections } from '../http/idle-connections.ts';
import { closeWithin, hostAndPort, listenAt } from '../http/listen.ts';
import { Metrics, type AdminView } from './metrics.ts';

/** The daemon, as the listener sees it. */
export interface AdminSource {
  /** Null = messages are being sent; else why not, in a word. */
  readonly unready: () => string | null;
  /** Everything that is stopped, the worst first. Before the start: why it waits. */
  readonly stops: () => readonly Stop[];
  /** Null = there is nothing to tell yet. */
  readonly view: () => AdminView | null;
}

const CONNECTIONS_MAX = 64;
const REQUEST_MS = 5_000;
const CLOSE_MS = 1_000;
/** More stops are only counted. */
const LINES_MAX = 100;
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const MISDIRECTED =
  'This server is not known by that name. Ask by IP address or localhost, or add the name to admin.hosts.\n';
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** Where it listens, as "HOST:PORT", and by which names it may be called. */
export interface AdminPlace {
  readonly listen: string;
  readonly hosts: readonly string[];
}

export interface AdminListener extends AsyncDisposable {
  /** As "127.0.0.1:8027". */
  readonly address: string;
}

/** Listens when it resolves. Rejects with a ListenError. */
export async function startAdmin(place: AdminPlace, source: AdminSource): Promise<AdminListener> {
  const app = makeApp(place, source);
  await app.ready();
  const address = await listenAt(app.server, {
    key: 'admin.listen',
    listen: place.listen,
    fd: null,
  });
  limitConnections(app.server, CONNECTIONS_MAX);
  return {
    address,
    [Symbol.asyncDispose]: () => {
      app.server.closeIdleConnections();
      return closeWithin(app, CLOSE_MS);
    },
  };
}

function makeApp(place: AdminPlace, { unready, stops, view }: AdminSource): FastifyInstance {
  const mayCall = hostCheck(place);
  const app = fastify({
    logger: false,
    requestTimeout: REQUEST_MS,
    connectionTimeout: REQUEST_MS,
    bodyLimit: 1_024,
    return503OnClosing: false,
    http: { requireHostHeader: false },
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (mayCall(request.raw.headers.host)) done();
    else void reply.code(421).type(TEXT).send(MISDIRECTED);
  });
  app.get('/healthz', (_request, reply) => reply.type(TEXT).send('alive\n'));
  app.get('/readyz', (_request, reply) => {
    const reason = unready();
    const lines = [reason ?? 'ready', ...linesOf(stops())];
    reply.code(reason === null ? 200 : 503).type(TEXT);
    return reply.send(`${lines.join('\n')}\n`);
  });
  /* Made at the first scrape: nobody measures the loop before. */
  let metrics: Metrics | null = null;
  const answer = (
    reply: FastifyReply,
    type: string,
    textOf: (view: AdminView) => string,
  ): FastifyReply => {
    const seen = view();
    if (seen !== null) return reply.type(type).send(textOf(seen));
    reply.code(503).type(TEXT);
    return reply.send(`${unready() ?? 'starting'}\n`);
  };
  app.get('/status', (_request, reply) =>
    answer(reply, JSON_TYPE, ({ status }) => escapeJson(JSON.stringify(status))),
  );
  app.get('/metrics', (_request, reply) =>
    answer(reply, PROMETHEUS, (seen) => (metrics ??= new Metrics()).render(seen)),
  );
  app.addHook('onClose', () => metrics?.stop());
  return app;
}

/* One line for each thing that is stopped, with its remedy. */
function linesOf(stops: readonly Stop[]): readonly string[] {
  const shape = (seconds: number): string => isoOf(seconds) ?? '?';
  const lines = stops.slice(0, LINES_MAX).map((stop) => adviceOf(stop, shape));
  const rest = stops.length - lines.length;
  return rest > 0 ? [...lines, `${rest} more are stopped`] : lines;
}

/** Loads the files that are otherwise read when the first server is made. */
export function loadListeners(): void {
  fastify();
}

/**
 * Makes the check of a Host header: a page in a browser may come under a name of its own (DNS rebinding). Any IP
 * address passes.
 */
function hostCheck({ listen, hosts }: AdminPlace): (host: string | undefined) => boolean {
  const names = new Set(['localhost', hostAndPort(listen).host, ...hosts].map(plain));
  return (host = '') => {
    if (host.trim() === '') return true;
    const [, bracketed, bare = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim()) ?? [];
    const name = plain(bracketed ?? bare);
    return isIP(name) !== 0 || names.has(name);
  };
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
