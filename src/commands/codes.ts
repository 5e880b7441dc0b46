/** `codes`: what a status or receipt code means and what the daemon does about it, as it is configured. */
import { Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../config/errors.ts';
import { explainCode, explainCodes, explainHttp, explainReceiptCode } from '../core/explain.ts';
import { RECEIPT_CODES } from '../core/receipt-codes.ts';
import type { Route } from '../core/verdict.ts';
import { print, printJson, say } from '../terminal/print.ts';
import { tableOf } from '../terminal/table.ts';
import { configFor } from './opened.ts';

interface CodesOptions {
  readonly json?: true;
}

type Overrides = ReadonlyMap<number, Route>;

export function codesCommand(): Command {
  return new Command('codes')
    .summary('what a code means and what the daemon does')
    .description(
      'Explains the status codes of the gateway’s answers, HTTP statuses of answers without one, and the ' +
        'codes of delivery receipts. With N, one code in full. [classify] of the configuration is heeded.',
    )
    .argument('[n]', 'a code', parseCode)
    .option('--json', 'one JSON document a line, each with its kind')
    .addHelpText('after', '\nExamples:\n  $ sms-spoold codes\n  $ sms-spoold codes 29')
    .action(async (code: number | undefined, options: CodesOptions, command: Command) => {
      const overrides = overridesFor(command);
      if (options.json) return printDocuments(code, overrides);
      return print(code === undefined ? tables(overrides) : oneCode(code, overrides));
    });
}

function parseCode(value: string): number {
  if (!/^\d{1,4}$/.test(value)) throw new InvalidArgumentError('Expected a code, a whole number.');
  return Number(value);
}

/* A broken configuration is no reason not to explain a code. */
function overridesFor(command: Command): Overrides {
  try {
    return configFor(command, 'leave').classify;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say(
      'sms-spoold: the configuration has problems (see sms-spoold check); [classify] is not heeded',
    );
    return new Map();
  }
}

async function printDocuments(code: number | undefined, overrides: Overrides): Promise<void> {
  const answers = code === undefined ? explainCodes(overrides) : [explainCode(code, overrides)];
  const receipts = code === undefined ? RECEIPT_CODES : [explainReceiptCode(code)];
  for (const row of answers) await printJson({ kind: 'answer', ...row });
  if (code === undefined)
    for (const row of explainHttp()) await printJson({ kind: 'http', ...row });
  for (const row of receipts) await printJson({ kind: 'receipt', ...row });
}

function tables(overrides: Overrides): string {
  const answers = tableOf(
    [
      { head: 'STATUS', align: 'right' },
      { head: 'NAME' },
      { head: 'ROUTE' },
      { head: 'WHAT THE DAEMON DOES', fit: 'wrap' },
    ],
    explainCodes(overrides).map((row) => [String(row.code), row.name, row.route, row.follows]),
  );
  const http = tableOf(
    [
      { head: 'HTTP', align: 'right' },
      { head: 'ROUTE' },
      { head: 'SCOPE' },
      { head: 'WHAT THE DAEMON DOES', fit: 'wrap' },
    ],
    explainHttp().map((row) => [row.label, row.route, row.scope, row.follows]),
  );
  const receipts = tableOf(
    [{ head: 'CODE', align: 'right' }, { head: 'NAME' }, { head: 'MEANING', fit: 'wrap' }],
    RECEIPT_CODES.map((row) => [String(row.code), row.name, row.meaning]),
  );
  return (
    `Status codes of an answer\n\n${answers}\n\n` +
    `Answers without one, by HTTP status\n\n${http}\n\n` +
    `Codes of a delivery receipt\n\n${receipts}\n`
  );
}

function oneCode(code: number, overrides: Overrides): string {
  const answer = explainCode(code, overrides);
  const receipt = explainReceiptCode(code);
  return (
    block(`Status ${code} of an answer: ${answer.name}`, [
      ['meaning', answer.meaning],
      ['remedy', answer.remedy],
      ['route', `${answer.route}, of the ${answer.scope}`],
      ['daemon', answer.follows],
    ]) +
    '\n' +
    block(`Code ${code} of a delivery receipt: ${receipt.name}`, [
      ['meaning', receipt.meaning],
      ['remedy', receipt.remedy],
    ])
  );
}

function block(title: string, rows: readonly (readonly string[])[]): string {
  const table = tableOf([{ head: '' }, { head: '', fit: 'wrap' }], rows);
  return `${title}\n${table.replace(/^\n/, '')}\n`;
}
