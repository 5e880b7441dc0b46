/** `sandbox`: runs the sandbox gateway alone, on loopback, until SIGINT or SIGTERM. */
import { once } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CommandError } from '../../terminal/exit-codes.ts';
import { isLoopbackUrl } from '../../sandbox/sandbox-check.ts';
import { MAGIC_FAULTS, MAGIC_RECIPIENTS, MAGIC_WORDS } from '../../sandbox/magic-recipients.ts';
import {
  DEFAULT_API_KEY,
  DEFAULT_API_SECRET,
  LIMIT_MODELS,
  type SandboxOptions,
} from '../../sandbox/sandbox-options.ts';
import {
  RECEIPT_FORMATS,
  type ReceiptFormat,
  type ReceiptSignature,
} from '../../sandbox/receipt-options.ts';
import { startSandbox, type Sandbox } from '../../sandbox/sandbox-gateway.ts';
import { SIGNATURE_METHODS, type SignatureMethod } from '../../gateway/signature.ts';
import { welcome, type Told } from '../../sandbox/welcome.ts';
import { countingNumber, wholeNumber } from '../options/selection-options.ts';
import { print } from '../../terminal/print.ts';
import { wrap } from '../../terminal/wrap.ts';

interface SandboxFlags extends Told {
  readonly port: number;
  readonly depth?: number;
  readonly latency: number;
  readonly receiptFormat: ReceiptFormat;
  readonly receiptLoss: number;
  readonly receiptRepeat: number;
}

const DEFAULT_PORT = 8028;
/** Where a daemon listens whose configuration does not say. */
const DAEMON_URL = 'http://127.0.0.1:8026/receipts';
/** Columns that help may take. */
const HELP_WIDTH = 80;
/** About 40 MB when full: the bin's heap is small. */
const LEDGER_SIZE = 100_000;

function amount(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Expected an amount, like 2.50.');
  return Number(text);
}

function senderRate(text: string, before: ReadonlyMap<string, number>): Map<string, number> {
  const [, sender, rate] = /^(\w{1,15})=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (sender === undefined || Number(rate) <= 0) {
    throw new InvalidArgumentError('Expected SENDER=RATE, like 12015550123=1.');
  }
  return new Map([...before, [sender, Number(rate)]]);
}

function share(text: string): number {
  if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(text)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1, like 0.05.');
  }
  return Number(text);
}

function receiptUrl(text: string): string {
  if (isLoopbackUrl(text)) return text;
  throw new InvalidArgumentError(`Expected an http URL on loopback, like ${DAEMON_URL}.`);
}

function signature(text: string): ReceiptSignature {
  const [, given, secret] = /^(\w+)=(.+)$/.exec(text) ?? [];
  const method = SIGNATURE_METHODS.find((known): known is SignatureMethod => known === given);
  if (method === undefined || secret === undefined) {
    throw new InvalidArgumentError(
      `Expected METHOD=SECRET, the method one of ${SIGNATURE_METHODS.join(', ')}.`,
    );
  }
  return { method, secret };
}

function sandboxOptionsOf(flags: SandboxFlags): SandboxOptions {
  const account = {
    secret: flags.apiSecret,
    rate: flags.rate,
    model: flags.model,
    depth: flags.depth ?? null,
    balance: flags.balance,
  };
  return {
    port: flags.port,
    accounts: { [flags.apiKey]: account },
    senders: Object.fromEntries([...flags.sender].map(([sender, rate]) => [sender, { rate }])),
    latencyMs: flags.latency,
    ledgerSize: LEDGER_SIZE,
    receipts: {
      url: flags.receipts ?? null,
      delayMs: flags.receiptDelay,
      format: flags.receiptFormat,
      loss: flags.receiptLoss,
      repeat: flags.receiptRepeat,
      signature: flags.receiptSignature ?? null,
    },
  };
}

function explanation(): string {
  const rows = MAGIC_RECIPIENTS.map(({ pattern, does }) => `  ${pattern}  ${does}`);
  return `
Examples:
  $ sms-spoold sandbox --rate 5 --sender 12015550123=1
  $ sms-spoold sandbox --receipts --receipt-loss 0.05
  $ sms-spoold send 999102900001 'refused with status 29, every time'

Recipients that misbehave (VVV: a value; K: 0 = always, 1-9 = the first K times,
then accepted; tttt: free). +999 belongs to no country. All others are accepted
and, with --receipts, delivered.
${rows.join('\n')}

${wrap(`Faults: ${MAGIC_FAULTS.join(', ')}`, 2, HELP_WIDTH)}
${wrap(`Words: ${MAGIC_WORDS.join(', ')}`, 2, HELP_WIDTH)}

Endpoints, as at the API: POST /sms/json, GET /account/get-balance,
  POST /account/settings, GET /v2/reports/records
The sandbox's own: GET /ledger (?format=ndjson, ?since=SEQ, ?entries=no),
  DELETE /ledger, GET /control, and POST /control, which takes
  {"accounts":{…},"senders":{…},"latencyMs":0,"jitterMs":0,
   "chaos":[{"kind":"hang","forMs":5000}],
   "receipts":{"delayMs":100,"steps":["accepted"],"order":"shuffled"},
   "reports":{"lagMs":60000,"status":null}}
`;
}

async function start(options: SandboxOptions): Promise<Sandbox> {
  try {
    return await startSandbox(options);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new CommandError(`the sandbox cannot start: ${cause}`, { cause: error });
  }
}

async function runSandbox(flags: SandboxFlags): Promise<void> {
  await using sandbox = await start(sandboxOptionsOf(flags));
  const waiting = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'].map((name) => once(process, name, waiting));
  await print(welcome(sandbox.url, flags));
  await Promise.race(signals);
  waiting.abort(); // a second signal ends the process
}

export function sandboxCommand(): Command {
  const model = new Option(
    '--model <model>',
    'how the rate is counted: in fixed seconds, in any, or in tokens',
  );
  const sender = new Option(
    '--sender <number=rate>',
    'messages per second of one sender; may be repeated',
  );
  const receipts = new Option(
    '--receipts [url]',
    'send delivery receipts, to the daemon or to the URL',
  );
  const format = new Option('--receipt-format <format>', 'query string, form body or JSON body');
  const signing = new Option(
    '--receipt-signature <method=secret>',
    'sign receipts, like sha256=not-a-real-one',
  );
  return new Command('sandbox')
    .summary('run a stand-in for the SMS API, to develop against')
    .description(
      'Runs a stand-in for the SMS API on loopback, and says how to point the daemon at it. Nothing ' +
        'reaches a phone. SIGINT (Ctrl-C) and SIGTERM stop it.',
    )
    .option('--port <port>', 'port to listen on; 0 = any free one', wholeNumber, DEFAULT_PORT)
    .option('--rate <n>', 'requests per second that the account allows', countingNumber, 30)
    .addOption(model.choices(LIMIT_MODELS).default('window'))
    .option('--depth <n>', 'tokens in a full bucket (default: a tenth of the rate)', countingNumber)
    .addOption(sender.argParser(senderRate).default(new Map<string, number>(), 'none'))
    .option('--latency <ms>', 'how long each answer takes', wholeNumber, 0)
    .option('--api-key <key>', 'the account', DEFAULT_API_KEY)
    .option('--api-secret <secret>', 'its secret, not a real one', DEFAULT_API_SECRET)
    .option('--balance <eur>', 'its credit, EUR', amount, 100)
    .addHelpText('after', explanation())
    .action(runSandbox)
    .addOption(receipts.argParser(receiptUrl).preset(DAEMON_URL))
    .option('--receipt-delay <ms>', 'from the acceptance to each receipt', wholeNumber, 100)
    .addOption(format.choices(RECEIPT_FORMATS).default('form'))
    .option('--receipt-loss <share>', 'share of the receipts that never come', share, 0)
    .option('--receipt-repeat <share>', 'share of the receipts that come twice', share, 0)
    .addOption(signing.argParser(signature));
}
