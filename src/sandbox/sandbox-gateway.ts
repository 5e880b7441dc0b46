/**
 * Runs the sandbox gateway: a stand-in for the SMS API on loopback, to develop and test against.
 *
 * Owns the HTTP server: routes requests, applies latency and chaos, and can stop listening and begin again on the same
 * port. The platform decides about messages. `POST /sms/json`, `GET /account/get-balance`, `POST /account/settings` and
 * `GET /v2/reports/records` are as in the API; `GET|DELETE /ledger` and `GET|POST /control` are the sandbox's own.
 * POST /control takes `SandboxChanges` as JSON and applies them before it answers:
 * `{"chaos":[{"kind":"http","forMs":120000},{"kind":"refuse","forMs":60000}]}` means two minutes of 503, then one of
 * refused connections, then ordinary answers.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Chaos } from './chaos.ts';
import { ChaosPlan, checkChaos, isShutForGood } from './chaos.ts';
import { SandboxOptionError, fail } from './sandbox-check.ts';
import type { Reply } from './faults.ts';
import { deliver, send } from './faults.ts';
import type { RequestFields } from './request-fields.ts';
import { parseJson, readBody, readFields } from './request-fields.ts';
import { SandboxLedger } from './sandbox-ledger.ts';
import { Listener } from './sandbox-listener.ts';
import type { SandboxChanges, SandboxOptions } from './sandbox-options.ts';
import { DEFAULT_API_KEY, checkChanges, checkStart } from './sandbox-options.ts';
import { sendBalance, sendControl, sendJson, sendLedger, sendSettings } from './ledger-pages.ts';
import type { SmsRequest } from './platform.ts';
import { Platform, faultOf } from './platform.ts';
import { ReceiptSchedule } from './receipt-schedule.ts';
import { Reports } from './reports.ts';

export interface Sandbox extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a trailing slash: the `base_url` of an account. */
  readonly url: string;
  readonly port: number;
  readonly ledger: SandboxLedger;
  /** Changes the named settings; in force when it resolves. Throws SandboxOptionError. */
  configure(changes: SandboxChanges): Promise<void>;
  /** Resolves when no receipt is pending: each was answered well, refused for good, or given up. */
  receiptsSettled(): Promise<void>;
  /** Cuts every connection, abandons what is pending and frees the port. */
  close(): Promise<void>;
}

const DEFAULT_LEDGER_SIZE = 200_000;
/** Longer than a client keeps an idle connection: only chaos may reset a reused one. */
const KEEP_ALIVE_MS = 65_000;

/** One request and its response. */
interface SandboxExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: RequestFields;
  readonly chaos: Chaos | null;
}

class SandboxGateway implements Sandbox {
  readonly ledger: SandboxLedger;
  readonly #platform: Platform;
  readonly #receipts: ReceiptSchedule;
  readonly #reports: Reports;
  readonly #plan: ChaosPlan;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #host: string;
  readonly #random: () => number;
  readonly #traceStem = randomBytes(8).toString('hex');
  readonly #routes: ReadonlyMap<string, (exchange: SandboxExchange) => void>;
  #requests = 0;
  #latencyMs = 0;
  #jitterMs = 0;

  constructor(options: SandboxOptions) {
    const { now = Date.now, random = Math.random, host = '127.0.0.1', port = 0 } = options;
    this.#random = random;
    this.#host = host;
    const size = options.ledgerSize ?? DEFAULT_LEDGER_SIZE;
    this.ledger = new SandboxLedger(size, now);
    this.#receipts = new ReceiptSchedule(this.ledger, { now, random, mostPending: size });
    this.#platform = new Platform(this.ledger, this.#receipts, now);
    this.#reports = new Reports(this.ledger, this.#platform.accounts, now);
    this.#plan = new ChaosPlan(random, ({ kind }) =>
      kind === 'refuse' ? this.#listener.close() : this.#listener.open(),
    );
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      this.#route(request, response);
    });
    this.#listener = new Listener(this.#server, host, port);
    this.#routes = this.#makeRoutes();
  }

  #makeRoutes(): ReadonlyMap<string, (exchange: SandboxExchange) => void> {
    return new Map([
      ['POST /sms/json', (exchange: SandboxExchange) => this.#answerSms(exchange)],
      ['GET /account/get-balance', (exchange: SandboxExchange) => this.#answerBalance(exchange)],
      ['POST /account/settings', (exchange: SandboxExchange) => this.#answerSettings(exchange)],
      ['GET /v2/reports/records', (exchange: SandboxExchange) => this.#answerReports(exchange)],
      ['GET /ledger', ({ response, query }) => sendLedger(response, this.ledger, query)],
      ['DELETE /ledger', (exchange: SandboxExchange) => this.#clearLedger(exchange)],
      ['GET /control', ({ response }) => this.#sendControl(response)],
      ['POST /control', (exchange: SandboxExchange) => this.#answerControl(exchange)],
    ]);
  }

  get port(): number {
    return this.#listener.port;
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`;
  }

  #sendControl(response: ServerResponse): void {
    sendControl(response, {
      platform: this.#platform,
      plan: this.#plan,
      receipts: this.#receipts,
      reports: this.#reports,
    });
  }

  /** Listens, and begins the plan with its first step. The options were checked before. */
  async start(options: SandboxOptions): Promise<void> {
    await this.#listener.open();
    await this.#apply(options);
  }

  async configure(changes: SandboxChanges): Promise<void> {
    await this.#apply(checkChanges(changes));
  }

  async #apply(changes: SandboxChanges): Promise<void> {
    this.#platform.change(changes);
    this.#latencyMs = changes.latencyMs ?? this.#latencyMs;
    this.#jitterMs = changes.jitterMs ?? this.#jitterMs;
    if (changes.receipts !== undefined) this.#receipts.change(changes.receipts);
    if (changes.reports !== undefined) this.#reports.change(changes.reports);
    if (changes.chaos !== undefined) await this.#plan.play(checkChaos('chaos', changes.chaos));
  }

  receiptsSettled(): Promise<void> {
    return this.#receipts.idle();
  }

  async close(): Promise<void> {
    this.#plan.stop();
    await this.#listener.close();
    await this.#receipts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const route = this.#routes.get(`${request.method ?? ''} ${path}`);
    const isOurs = path === '/ledger' || path === '/control';
    const chaos = isOurs ? null : this.#plan.pick();
    if (chaos?.kind === 'drop') {
      this.ledger.fault('drop');
      request.socket.destroy();
      return;
    }
    this.#requests += 1;
    const number = this.#requests.toString(16).padStart(16, '0');
    response.setHeader('x-nexmo-trace-id', `${this.#traceStem}${number}`);
    const exchange = { request, response, query: new Map(new URLSearchParams(search)), chaos };
    if (route === undefined) readBody(request, response, () => this.#answerUnknown(exchange));
    else route(exchange);
  }

  /** Reads the fields of the body and passes them on; broken JSON is answered 400. */
  #withFields(exchange: SandboxExchange, use: (request: SmsRequest) => void): void {
    const { request, response, chaos } = exchange;
    const { authorization } = request.headers;
    readBody(request, response, (body) => {
      const fields = readFields(request.headers['content-type'] ?? '', body);
      if (fields === null) send(response, 400, '<h1>400 Bad Request</h1>');
      else use({ fields, authorization, chaos });
    });
  }

  #answerSms(exchange: SandboxExchange): void {
    this.ledger.begin();
    exchange.response.once('close', () => this.ledger.end());
    this.#withFields(exchange, (request) => {
      this.#deliver(exchange, this.#platform.submit(request));
    });
  }

  #deliver({ response }: SandboxExchange, reply: Reply): void {
    const jitterMs = this.#jitterMs === 0 ? 0 : this.#jitterMs * this.#random();
    const delayMs = reply.delayMs + this.#latencyMs + jitterMs;
    deliver(response, { ...reply, delayMs });
  }

  /** Applies chaos to requests without a message: its fault, or `answer`. */
  #orFault(exchange: SandboxExchange, answer: () => void): void {
    const fault = faultOf(exchange.chaos);
    if (fault === null) {
      answer();
      return;
    }
    this.ledger.fault(fault.kind);
    this.#deliver(exchange, { httpStatus: 200, body: '{}', fault, delayMs: 0, early: null });
  }

  #answerBalance(exchange: SandboxExchange): void {
    const { request, response, query, chaos } = exchange;
    this.ledger.count('balanceRequests');
    const { authorization } = request.headers;
    readBody(request, response, () => {
      this.#orFault(exchange, () => {
        sendBalance(response, this.#platform.owner({ fields: query, authorization, chaos }));
      });
    });
  }

  #answerReports(exchange: SandboxExchange): void {
    const { request, response, query } = exchange;
    this.ledger.count('reportRequests');
    readBody(request, response, () => {
      this.#orFault(exchange, () => this.#reports.answer(request, response, query));
    });
  }

  #answerSettings(exchange: SandboxExchange): void {
    this.ledger.count('settingsRequests');
    this.#withFields(exchange, (request) => {
      this.#orFault(exchange, () => {
        const fields = new Map([...exchange.query, ...request.fields]);
        const account = this.#platform.owner({ ...request, fields });
        sendSettings(exchange.response, account, { fields, ledger: this.ledger });
      });
    });
  }

  #answerUnknown(exchange: SandboxExchange): void {
    this.#orFault(exchange, () => send(exchange.response, 404, '<h1>404 Not Found</h1>'));
  }

  #clearLedger({ request, response }: SandboxExchange): void {
    readBody(request, response, () => {
      this.ledger.clear();
      this.#platform.forgetRecipients();
      sendJson(response, 200, { cleared: true });
    });
  }

  #answerControl({ request, response }: SandboxExchange): void {
    readBody(request, response, (body) => {
      this.#control(response, body).catch((error: unknown) => {
        if (!(error instanceof SandboxOptionError)) throw error;
        sendJson(response, 400, { error: error.message });
      });
    });
  }

  async #control(response: ServerResponse, body: string): Promise<void> {
    const changes = checkChanges(parseJson(body));
    const steps = changes.chaos === undefined ? [] : checkChaos('chaos', changes.chaos);
    if (isShutForGood(steps)) fail('chaos', 'forMs with refuse (nobody could end it)', 'refuse');
    if (steps[0]?.kind === 'refuse') {
      // The answer first: closing cuts this connection, too.
      await new Promise<void>((resolve) => {
        response.once('close', resolve);
        this.#sendControl(response);
      });
      await this.configure(changes);
      return;
    }
    await this.configure(changes);
    this.#sendControl(response);
  }
}

/** Starts a sandbox. Rejects with SandboxOptionError, or with the system's error for the port. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  checkStart(options);
  const gateway = new SandboxGateway(options);
  await gateway.start({ ...options, accounts: options.accounts ?? { [DEFAULT_API_KEY]: {} } });
  return gateway;
}
