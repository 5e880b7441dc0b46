/**
 * Prints the address and limits of a sandbox that was started from the command line, and the settings of a daemon that
 * suit it, ready to be copied. Repeats no secret that was given to it.
 */
import { DEFAULT_API_SECRET, type LimitModel } from './sandbox-options.ts';
import type { ReceiptSignature } from './receipt-options.ts';

/** The options of the command line. */
export interface Told {
  readonly rate: number;
  readonly model: LimitModel;
  /** Sender → messages per second. */
  readonly sender: ReadonlyMap<string, number>;
  readonly apiKey: string;
  readonly apiSecret: string;
  /** EUR. */
  readonly balance: number;
  /** Where receipts go; left out = none are sent. */
  readonly receipts?: string;
  /** ms. */
  readonly receiptDelay: number;
  readonly receiptSignature?: ReceiptSignature;
}

const GIVEN = "'the one you gave'";

/** The `[receipts]` table of a daemon that suits this. */
function receiptsTable({ receipts, receiptSignature }: Told): readonly string[] {
  if (receipts === undefined) return ['[receipts]', 'expect = false'];
  const { hostname, port, pathname } = new URL(receipts);
  const listen = `${hostname}:${port === '' ? '80' : port}`;
  const table = ['[receipts]', `listen = "${listen}"`, `path = "${pathname}"`];
  if (receiptSignature === undefined) return table;
  const { method } = receiptSignature;
  return [
    ...table,
    'signature_secret = { env = "VONAGE_SIGNATURE_SECRET" }',
    `signature_method = "${method}"`,
  ];
}

function environment(told: Told): string {
  // A given secret may be a real one.
  const secret = told.apiSecret === DEFAULT_API_SECRET ? DEFAULT_API_SECRET : GIVEN;
  const line = `VONAGE_API_KEY=${told.apiKey} VONAGE_API_SECRET=${secret} VONAGE_SENDER=AcmeInc`;
  if (told.receiptSignature === undefined) return `export ${line}`;
  return `export ${line}\n    export VONAGE_SIGNATURE_SECRET=${GIVEN}`;
}

function receiptsLine({ receipts, receiptDelay }: Told): string {
  if (receipts === undefined) return 'none (--receipts sends them to the daemon)';
  return `${receipts}, after ${receiptDelay} ms`;
}

/** The text at the start: its address, and how to point the daemon or an SDK at it. */
export function welcome(url: string, told: Told): string {
  const limits = [`${told.rate} requests/s (${told.model})`];
  for (const [sender, rate] of told.sender) limits.push(`${sender}: ${rate} messages/s`);
  return `
  Sandbox gateway on ${url}   (Ctrl-C stops it)

    limits     ${limits.join(' · ')}
    balance    ${told.balance.toFixed(2)} EUR
    receipts   ${receiptsLine(told)}
    ledger     curl ${url}/ledger
    faults     curl ${url}/control -d '{"chaos":{"kind":"http","forMs":10000}}'
    recipients that misbehave: sms-spoold sandbox --help

  In the environment:

    ${environment(told)}

  In sms-spoold.toml:

    [accounts.main]
    api_key = "${told.apiKey}"
    api_secret = { env = "VONAGE_API_SECRET" }
    base_url = "${url}"
    sender = "AcmeInc"

    ${receiptsTable(told).join('\n    ')}

    [reconcile]
    reports = true
    base_url = "${url}"

`;
}
