/** `codes`: what a status or receipt code means and what the daemon does about it, as it is configured. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../../config/errors.ts';
import {
  LANGUAGES,
  explainCode,
  explainCodes,
  explainHttp,
  explainHttpStatus,
  explainReceiptCode,
  explainReceiptCodes,
  languageNamed,
  languageOf,
  type Language,
} from '../../core/answer/explain.ts';
import type { Route } from '../../core/answer/verdict.ts';
import { print, printJson, say } from '../../terminal/print.ts';
import { tableOf, type Column } from '../../terminal/table.ts';
import { configFor } from '../open-spool.ts';

interface CodesOptions {
  readonly json?: true;
  readonly lang?: Language;
}

interface Asked {
  readonly overrides: ReadonlyMap<number, Route>;
  readonly language: Language;
}

export function codesCommand(): Command {
  const lang = new Option('--lang <language>', 'language; left out: that of the locale');
  return new Command('codes')
    .summary('what a code means and what the daemon does')
    .description(
      'Explains the status codes of the gateway’s answers, HTTP statuses of answers without one, and the ' +
        'codes of delivery receipts. With N, one code in full. [classify] of the configuration is applied.',
    )
    .argument('[n]', 'a code', parseCode)
    .addOption(Object.assign(lang.argParser(parseLanguage), { argChoices: [...LANGUAGES] }))
    .option('--json', 'one JSON document a line, each with its kind')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold codes\n  $ sms-spoold codes 29\n  $ sms-spoold codes 401 --lang zh',
    )
    .action(async (code: number | undefined, options: CodesOptions, command: Command) => {
      const overrides = overridesFor(command);
      /* Programs get the language of the locale only if they ask for it. */
      const usual = options.json ? 'en' : languageOf(process.env);
      const asked = { overrides, language: options.lang ?? usual };
      if (options.json) return printDocuments(code, asked);
      return print(code === undefined ? tables(asked) : oneCode(code, asked));
    });
}

function parseCode(value: string): number {
  if (!/^\d{1,4}$/.test(value)) throw new InvalidArgumentError('Expected a code, a whole number.');
  return Number(value);
}

function parseLanguage(value: string): Language {
  const language = languageNamed(value);
  if (language === null) throw new InvalidArgumentError(`Expected ${LANGUAGES.join(' or ')}.`);
  return language;
}

/* A broken configuration is no reason not to explain a code. */
function overridesFor(command: Command): ReadonlyMap<number, Route> {
  try {
    return configFor(command, 'leave').classify;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say(
      'sms-spoold: the configuration has problems (see sms-spoold check); [classify] is not applied',
    );
    return new Map();
  }
}

async function printDocuments(
  code: number | undefined,
  { overrides, language }: Asked,
): Promise<void> {
  const answers =
    code === undefined
      ? explainCodes(overrides, language)
      : [explainCode(code, overrides, language)];
  const http = code === undefined ? explainHttp(language) : [explainHttpStatus(code, language)];
  const receipts =
    code === undefined ? explainReceiptCodes(language) : [explainReceiptCode(code, language)];
  for (const row of answers) await printJson({ kind: 'answer', ...row });
  for (const row of http) if (row !== null) await printJson({ kind: 'http', ...row });
  for (const row of receipts) await printJson({ kind: 'receipt', ...row });
}

function tables(asked: Asked): string {
  const heads = HEADS[asked.language];
  const parts = asked.language === 'zh' ? tablesOfMeanings(asked) : tablesOfRoutes(asked);
  const [answers = '', http = '', receipts = ''] = parts;
  return (
    `${heads.answers}\n\n${answers}\n\n` +
    `${heads.http}\n\n${http}\n\n` +
    `${heads.receipts}\n\n${receipts}\n`
  );
}

function tablesOfRoutes({ overrides }: Asked): readonly string[] {
  const { daemon, meaning, name, route, scope, status, http, code } = COLUMNS;
  return [
    tableOf(
      [status, name, route, daemon],
      explainCodes(overrides).map((row) => [String(row.code), row.name, row.route, row.follows]),
    ),
    tableOf(
      [http, route, scope, daemon],
      explainHttp().map((row) => [row.label, row.route, row.scope, row.follows]),
    ),
    tableOf(
      [code, name, meaning],
      explainReceiptCodes().map((row) => [String(row.code), row.name, row.meaning]),
    ),
  ];
}

const COLUMNS = {
  status: { head: 'STATUS', align: 'right' },
  http: { head: 'HTTP', align: 'right' },
  code: { head: 'CODE', align: 'right' },
  name: { head: 'NAME' },
  route: { head: 'ROUTE' },
  scope: { head: 'SCOPE' },
  meaning: { head: 'MEANING', fit: 'wrap' },
  daemon: { head: 'WHAT THE DAEMON DOES', fit: 'wrap' },
} as const satisfies Readonly<Record<string, Column>>;

function tablesOfMeanings({ overrides, language }: Asked): readonly string[] {
  const { code, name, meaning, remedy } = HEADS[language];
  const words = [
    { head: meaning, fit: 'wrap' },
    { head: remedy, fit: 'wrap' },
  ] as const;
  const named = [{ head: code, align: 'right' }, { head: name }, ...words] as const;
  return [
    tableOf(
      named,
      explainCodes(overrides, language).map((row) => [
        ...[String(row.code), row.name, row.meaning, row.remedy],
      ]),
    ),
    tableOf(
      [{ head: 'HTTP', align: 'right' }, ...words],
      explainHttp(language).map((row) => [row.label, row.meaning, row.remedy]),
    ),
    tableOf(
      named,
      explainReceiptCodes(language).map((row) => [
        ...[String(row.code), row.name, row.meaning, row.remedy],
      ]),
    ),
  ];
}

function oneCode(code: number, { overrides, language }: Asked): string {
  const heads = HEADS[language];
  const answer = explainCode(code, overrides, language);
  const http = explainHttpStatus(code, language);
  const receipt = explainReceiptCode(code, language);
  const words = (row: { readonly meaning: string; readonly remedy: string }): string[][] => [
    [heads.meaning, row.meaning],
    [heads.remedy, row.remedy],
  ];
  const ruled = (row: {
    readonly route: Route;
    readonly scope: string;
    readonly follows: string;
  }): string[][] => [
    [heads.route, `${row.route}${heads.of(row.scope)}`],
    [heads.daemon, row.follows],
  ];
  return [
    ...(http === null
      ? []
      : [block(heads.ofHttp(code, http.label), [...words(http), ...ruled(http)])]),
    block(`${heads.ofAnswer(code)}${answer.name}`, [...words(answer), ...ruled(answer)]),
    block(`${heads.ofReceipt(code)}${receipt.name}`, words(receipt)),
  ].join('\n');
}

function block(title: string, rows: readonly (readonly string[])[]): string {
  const table = tableOf([{ head: '' }, { head: '', fit: 'wrap' }], rows);
  return `${title}\n${table.replace(/^\n/, '')}\n`;
}

const SCOPE_ZH: Readonly<Record<string, string>> = {
  message: '短信',
  sender: '发送方',
  account: '账户',
  'sender or account': '发送方或账户',
};

/** Titles and labels. */
const HEADS = {
  en: {
    answers: 'Status codes of an answer',
    http: 'Answers without one, by HTTP status',
    receipts: 'Codes of a delivery receipt',
    ofAnswer: (code: number) => `Status ${code} of an answer: `,
    ofHttp: (code: number, label: string) =>
      `HTTP ${code} of an answer without a status (rule ${label})`,
    ofReceipt: (code: number) => `Code ${code} of a delivery receipt: `,
    of: (scope: string) => `, of the ${scope}`,
    code: 'CODE',
    name: 'NAME',
    meaning: 'meaning',
    remedy: 'remedy',
    route: 'route',
    daemon: 'daemon',
  },
  zh: {
    answers: '应答的状态码',
    http: '没有状态码的应答，按 HTTP 状态',
    receipts: '送达回执的代码',
    ofAnswer: (code: number) => `应答的状态码 ${code}：`,
    ofHttp: (code: number, label: string) => `没有状态码的应答，HTTP ${code}（规则 ${label}）`,
    ofReceipt: (code: number) => `送达回执的代码 ${code}：`,
    of: (scope: string) => `（${SCOPE_ZH[scope] ?? scope}）`,
    code: '代码',
    name: '名称',
    meaning: '含义',
    remedy: '处理办法',
    route: '路径',
    daemon: '守护进程',
  },
} satisfies Readonly<Record<Language, object>>;
