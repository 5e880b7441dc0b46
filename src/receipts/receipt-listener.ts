/**
 * Takes receipts over HTTP.
 *
 * Always holds: 200 only after the receipt is on disk; a 4xx only for a request that can never be right, because the
 * gateway does not repeat it then; everything has a limit in size, time and number; no part of a receipt or of the path
 * is logged. It knows nothing of messages: `take` decides what follows, also when a receipt comes twice.
 */
import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { codeOf } from '../core/text/error-code.ts';
import type { Receipt, StrayReason } from '../core/receipt/receipt.ts';
import { limitConnections } from '../http/idle-connections.ts';
import { closeWithin, listenAt, type ListenPlace } from '../http/listen.ts';
import { admit, looksLikeReceipt, type Push, type RefusalReason, type Signature } from './admit.ts';

export const LIMITS = {
  bodyBytes: 16_384,
  /** Of the request line and all headers. */
  headerBytes: 16_384,
  headersMs: 5_000,
  /** A request from its first byte to its last. */
  requestMs: 10_000,
  keepAliveMs: 65_000,
  /** A connection on which nothing moves, neither in nor out, while a request is open. */
  silenceMs: 30_000,
  connections: 1_000,
  /** Receipts that wait to be stored. */
  waiting: 2_000,
  /** Stopping. */
  closeMs: 3_000,
};

export interface ListenerOptions extends Omit<ListenPlace, 'key'> {
  /** May hold a secret. */
  readonly path: string;
  readonly signature: Signature;
  /** Unix seconds. */
  readonly now: () => number;
  /** Resolves true once it is stored, false when it cannot be stored now. `stray`: it is no receipt. */
  readonly take: (receipt: Receipt, stray: StrayReason | null) => Promise<boolean>;
  /** Called for each refusal. `cause`: the thrown error, for `failed`; else null. */
  readonly onRefused: (reason: RefusalReason, cause: unknown) => void;
  /** Instead of single LIMITS. */
  readonly limits?: Partial<typeof LIMITS>;
}

const STATUS: Readonly<Record<RefusalReason, number>> = {
  unreadable: 400,
  'too-large': 413,
  unsigned: 503,
  'bad-signature': 503,
  unfinished: 503,
  busy: 503,
  'not-stored': 503,
  failed: 503,
  'other-path': 404,
  'other-method': 405,
  'inbound-sms': 200,
  'messages-api': 200,
};

const UNAVAILABLE = '503 Service Unavailable';

/** Reasons for requests that could not be read, by Node's code; any other code means no HTTP. */
const CUT_OFF: Readonly<Record<string, readonly [RefusalReason, string]>> = {
  HPE_HEADER_OVERFLOW: ['too-large', '431 Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['too-large', '413 Payload Too Large'],
  HPE_INVALID_EOF_STATE: ['unfinished', UNAVAILABLE],
  ERR_HTTP_REQUEST_TIMEOUT: ['unfinished', UNAVAILABLE],
};

const RETRY_AFTER_SECONDS = 5;
/** How often requests are checked against their time limit. */
const SWEEP_MS = 1_000;

/** Routes instead of the path, in which `:` and `*` would have a meaning. */
const HERE = '/receipts';
const ELSEWHERE = '/';

export class ReceiptListener implements AsyncDisposable {
  readonly #options: ListenerOptions;
  readonly #limits: Readonly<typeof LIMITS>;
  #path: string;
  #signature: Signature;
  readonly #app: FastifyInstance;
  /** Connections on which a request began that may be a receipt. */
  readonly #used = new WeakSet<Socket>();
  /** Connections that were cut off: their open request ends as well, and counts once. */
  readonly #cut = new WeakSet<Socket>();
  #address = '';
  #waiting = 0;
  #closed: Promise<void> | null = null;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#path = plain(options.path);
    this.#signature = options.signature;
    this.#app = this.#make();
  }

  /** Listens when it resolves. Rejects with a ListenError. */
  static async start(options: ListenerOptions): Promise<ReceiptListener> {
    const listener = new ReceiptListener(options);
    const { server } = listener.#app;
    await listener.#app.ready();
    listener.#address = await listenAt(server, { ...options, key: 'receipts.listen' });
    limitConnections(server, listener.#limits.connections);
    server.on('drop', () => void listener.#refuse('busy'));
    server.on('error', (error) => void listener.#refuse('failed', error));
    return listener;
  }

  /** From the next request on. */
  adopt({ path, signature }: Pick<ListenerOptions, 'path' | 'signature'>): void {
    this.#path = plain(path);
    this.#signature = signature;
  }

  /** As "127.0.0.1:8026". */
  get address(): string {
    return this.#address;
  }

  /**
   * Stops listening, answers open requests and cuts those that take too long. A passed socket is closed on our side
   * only: the service manager holds it, and new connections wait there.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= closeWithin(this.#app, this.#limits.closeMs);
    return this.#closed;
  }

  #make(): FastifyInstance {
    const limits = this.#limits;
    const app = fastify({
      logger: false,
      bodyLimit: limits.bodyBytes,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionTimeout: limits.silenceMs,
      return503OnClosing: false,
      rewriteUrl: ({ url = '' }) => (plain(url) === this.#path ? HERE : ELSEWHERE),
      clientErrorHandler: (error, socket) => this.#cutOff(error, socket),
      http: {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headersMs,
        connectionsCheckingInterval: Math.min(SWEEP_MS, limits.headersMs),
      },
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    app.addHook('onRequest', (request, reply) => this.#look(request, reply));
    const method = ['GET', 'HEAD', 'POST'];
    app.route({ method, url: HERE, handler: this.#answer.bind(this) });
    app.route({ method, url: ELSEWHERE, handler: this.#astray.bind(this) });
    app.setErrorHandler((error, request, reply) =>
      this.#send(reply, this.#explain(error, request.raw)),
    );
    return app;
  }

  /** Before the body is read. The content type is ignored: the body shows what it is. */
  async #look(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    this.#used.add(request.raw.socket);
    delete request.raw.headers['content-type'];
    if (!request.is404) return undefined;
    reply.header('connection', 'close');
    if (request.raw.url !== HERE) return this.#send(reply, 404);
    const isLost = looksLikeReceipt(this.#pushOf(request));
    return this.#send(reply, isLost ? this.#refuse('other-method') : 405);
  }

  /** A request to another path: receipts may be lost there unnoticed. */
  async #astray(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.header('connection', 'close');
    const isLost = request.method !== 'HEAD' && looksLikeReceipt(this.#pushOf(request));
    return this.#send(reply, isLost ? this.#refuse('other-path') : 404);
  }

  #pushOf({ originalUrl: url, body }: FastifyRequest): Push {
    const receivedAt = this.#options.now();
    return { url, body: body instanceof Buffer ? body : null, receivedAt };
  }

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // The gateway checks the address so when it is set.
    const isQuestion =
      request.method === 'HEAD' || (request.method === 'GET' && !/\?./.test(request.originalUrl));
    return this.#send(reply, isQuestion ? 200 : await this.#receive(request));
  }

  /** The HTTP status. */
  async #receive(request: FastifyRequest): Promise<number> {
    if (this.#waiting >= this.#limits.waiting) return this.#refuse('busy');
    const admitted = admit(this.#pushOf(request), this.#signature);
    if (typeof admitted === 'string') return this.#refuse(admitted);
    this.#waiting += 1;
    try {
      const { receipt, stray } = admitted;
      return (await this.#options.take(receipt, stray)) ? 200 : this.#refuse('not-stored');
    } catch (error) {
      return this.#refuse('failed', error);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** The HTTP status for it. */
  #refuse(reason: RefusalReason, cause: unknown = null): number {
    this.#options.onRefused(reason, cause);
    return STATUS[reason];
  }

  #explain(error: unknown, { socket, url }: FastifyRequest['raw']): number {
    if (url === ELSEWHERE) return 404;
    if (this.#cut.has(socket)) return STATUS.unfinished;
    const code = codeOf(error);
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return this.#refuse('too-large');
    const isHalf = code === 'ECONNRESET' || code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH';
    return isHalf ? this.#refuse('unfinished') : this.#refuse('failed', error);
  }

  #send(reply: FastifyReply, status: number): FastifyReply {
    if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
    if (this.#closed !== null) reply.header('connection', 'close');
    return reply.code(status).send();
  }

  /** The request is no HTTP, too large or incomplete. */
  #cutOff({ code }: { readonly code: string }, socket: Socket): void {
    const [reason, status] = CUT_OFF[code] ?? ['unreadable', '400 Bad Request'];
    const isProbe = socket.bytesRead === 0;
    // After a reset the request itself says that it was cut.
    if (code !== 'ECONNRESET') {
      this.#cut.add(socket);
      if (!isProbe) this.#refuse(reason);
    }
    // An earlier receipt on this connection may take this for its answer: no 4xx then.
    const answer = answerOf(this.#used.has(socket) ? UNAVAILABLE : status);
    if (socket.writable && !isProbe) socket.write(answer);
    socket.destroySoon();
  }
}

function answerOf(status: string): string {
  const retry = status === UNAVAILABLE ? `retry-after: ${RETRY_AFTER_SECONDS}\r\n` : '';
  return `HTTP/1.1 ${status}\r\n${retry}content-length: 0\r\nconnection: close\r\n\r\n`;
}

/** The path alone, decoded, in lower case, without a final slash or two slashes in a row, as proxies write it. */
function plain(url: string): string {
  const [path = ''] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1);
  try {
    return decodeURIComponent(path).replace(/\/+/g, '/').replace(/\/$/, '').toLowerCase();
  } catch {
    return path; // a broken escape, which the configuration does not allow
  }
}
