/**
 * Sets the demo up: a folder of its own, a sandbox gateway on loopback, and a configuration that is not read from a
 * file. Nothing leaves the machine, and nothing is left behind unless asked.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { ReceiptOptions } from '../sandbox/receipt-options.ts';
import { DEFAULT_API_KEY, DEFAULT_API_SECRET } from '../sandbox/sandbox-options.ts';
import { startSandbox, type Sandbox } from '../sandbox/sandbox-gateway.ts';
import { LIMITED_SENDER, UNANNOUNCED_SENDER } from './samples.ts';

/** Requests per second that the gateway allows the account. */
export const GATEWAY_RATE = 30;
/** Messages per second that the gateway allows each of the two limited senders. */
export const SENDER_RATE = 1;
/** How long an uncertain message waits for a receipt before it is sent again. */
export const UNCERTAIN_AFTER_MS = 4_000;
/** How long a final receipt is waited for before a message is `unconfirmed`. */
export const RECEIPT_TIMEOUT_MS = 9_000;
/** How the gateway sends receipts: each up to a second after the acceptance, some of them twice. */
export const RECEIPTS = { delayMs: 500, jitterMs: 500, repeat: 0.1 } satisfies ReceiptOptions;
/** Late receipts: they come after an uncertain message was sent again, before it is final. */
export const LATE_RECEIPTS = { delayMs: 7_000, jitterMs: 0 } satisfies ReceiptOptions;

const HOUR_MS = 3_600_000;
/** About that of a gateway on another continent. */
const LATENCY_MS = 40;
const JITTER_MS = 40;

/** A folder that is removed at the end of the process, except after SIGKILL, unless it is kept. */
export class DemoFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sms-spoold-demo-'));
  readonly #isKept: boolean;

  constructor(isKept: boolean) {
    this.#isKept = isKept;
    process.on('exit', this.#remove);
  }

  get spoolPath(): string {
    return join(this.path, 'spool.db');
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => {
    if (!this.#isKept) rmSync(this.path, { recursive: true, force: true });
  };
}

/** The gateway: 30 requests a second, two senders with one message a second. */
export function startGateway(): Promise<Sandbox> {
  return startSandbox({
    accounts: { [DEFAULT_API_KEY]: { rate: GATEWAY_RATE } },
    senders: {
      [LIMITED_SENDER]: { rate: SENDER_RATE },
      [UNANNOUNCED_SENDER]: { rate: SENDER_RATE },
    },
    latencyMs: LATENCY_MS,
    jitterMs: JITTER_MS,
  });
}

/** The daemon's configuration; every wait is short, so that its end can be seen. */
export function configOf(spoolPath: string, gatewayUrl: string): Config {
  return {
    file: null,
    spool: {
      path: spoolPath,
      own: null,
      retentionMs: null,
      keysForMs: 24 * HOUR_MS,
      forgetTextAfterMs: null,
    },
    accounts: [
      {
        name: 'main',
        apiKey: DEFAULT_API_KEY,
        apiSecret: DEFAULT_API_SECRET,
        signature: null,
        baseUrl: gatewayUrl,
        sender: 'AcmeInc',
        rate: GATEWAY_RATE,
        concurrency: 10,
        timeoutMs: 2_000,
        senders: new Map([[LIMITED_SENDER, { rate: SENDER_RATE }]]),
        nested: null,
      },
    ],
    defaultAccount: 'main',
    receipts: {
      listen: '127.0.0.1:0',
      path: '/receipts-of-the-demo',
      expect: true,
      signatureSecrets: [],
      signatureMethod: 'sha256',
      acceptedIsEnough: [],
      resend: null,
      timeoutMs: RECEIPT_TIMEOUT_MS,
    },
    reconcile: { reports: false, baseUrl: gatewayUrl },
    notify: null,
    suppress: { automatic: true },
    quiet: [],
    safety: {
      ...{ perRecipient: null, collapseMs: null, spendPerDay: null, minBalance: null },
      ...{ onlyPrefixes: null, onlySenders: null, maxParts: null, binary: true },
      zone: 'UTC',
    },
    admin: { listen: '127.0.0.1:0', hosts: [] },
    messages: {
      validityMs: 24 * HOUR_MS,
      onUncertain: 'resend',
      uncertainAfterMs: UNCERTAIN_AFTER_MS,
    },
    fairness: { reserve: 0.1 },
    limits: { lanes: 5_000 },
    retry: { maxAttempts: 8, firstDelayMs: 1_000, factor: 3, maxDelayMs: 30_000 },
    classify: new Map(),
    log: { level: 'info', file: null, recipients: 'masked' },
    warnings: [],
    ...{ secretFiles: [], secretOrigins: new Map() },
  };
}
