/** `codes`: explains status and receipt codes, and what the daemon, as it is configured, does about each. */
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
  type CodeRow,
  type HttpRow,
  type Language,
} from '../../core/answer/explain.ts';
import type { Route } from '../../core/answer/verdict.ts';
import type { Code } from '../../core/codes/status-codes.ts';
import { print, printJson, say } from '../../terminal/print.ts';
import { right, tableOf, wrapped } from '../../terminal/table.ts';
import { configFor } from '../open-spool.ts';

interface CodesOptions {
  readonly json?: true;
  readonly lang?: Language;
}

interface ExplainedCodes {
  readonly answers: readonly CodeRow[];
  readonly http: readonly HttpRow[];
  readonly receipts: readonly Code[];
}

export function codesCommand(): Command {
  const lang = new Option('--lang <language>', 'language; left out: that of the locale');
  return new Command('codes')
    .summary('explain codes and what the daemon does about them')
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
      /* Programs get the language of the locale only if they ask for it. */
      const language = options.lang ?? (options.json ? 'en' : languageOf(process.env));
      const codes = explained(code, overridesFor(command), language);
      if (options.json) return printDocuments(codes);
      const isAll = code === undefined;
      return print(isAll ? tables(codes, language) : oneCode(code, codes, HEADS[language]));
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

/* A code is explained with a broken configuration, too. */
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

/* Every code, or one. */
function explained(
  code: number | undefined,
  overrides: ReadonlyMap<number, Route>,
  language: Language,
): ExplainedCodes {
  if (code === undefined) {
    return {
      answers: explainCodes(overrides, language),
      http: explainHttp(language),
      receipts: explainReceiptCodes(language),
    };
  }
  const http = explainHttpStatus(code, language);
  return {
    answers: [explainCode(code, overrides, language)],
    http: http === null ? [] : [http],
    receipts: [explainReceiptCode(code, language)],
  };
}

async function printDocuments({ answers, http, receipts }: ExplainedCodes): Promise<void> {
  for (const row of answers) await printJson({ kind: 'answer', ...row });
  for (const row of http) await printJson({ kind: 'http', ...row });
  for (const row of receipts) await printJson({ kind: 'receipt', ...row });
}

function tables(codes: ExplainedCodes, language: Language): string {
  const heads = HEADS[language];
  const [answers = '', http = '', receipts = ''] =
    language === 'zh' ? tablesOfMeanings(codes, heads) : tablesOfRoutes(codes);
  return (
    `${heads.answers}\n\n${answers}\n\n` +
    `${heads.http}\n\n${http}\n\n` +
    `${heads.receipts}\n\n${receipts}\n`
  );
}

function tablesOfRoutes({ answers, http, receipts }: ExplainedCodes): readonly string[] {
  const daemon = wrapped('WHAT THE DAEMON DOES');
  return [
    tableOf(
      [right('STATUS'), 'NAME', 'ROUTE', daemon],
      answers.map((row) => [String(row.code), row.name, row.route, row.follows]),
    ),
    tableOf(
      [right('HTTP'), 'ROUTE', 'SCOPE', daemon],
      http.map((row) => [row.label, row.route, row.scope, row.follows]),
    ),
    tableOf(
      [right('CODE'), 'NAME', wrapped('MEANING')],
      receipts.map((row) => [String(row.code), row.name, row.meaning]),
    ),
  ];
}

function tablesOfMeanings(
  { answers, http, receipts }: ExplainedCodes,
  { code, name, meaning, remedy }: Heads,
): readonly string[] {
  const words = [wrapped(meaning), wrapped(remedy)];
  const named = (rows: readonly Code[]): string =>
    tableOf(
      [right(code), name, ...words],
      rows.map((row) => [String(row.code), row.name, row.meaning, row.remedy]),
    );
  return [
    named(answers),
    tableOf(
      [right('HTTP'), ...words],
      http.map((row) => [row.label, row.meaning, row.remedy]),
    ),
    named(receipts),
  ];
}

function oneCode(code: number, { answers, http, receipts }: ExplainedCodes, heads: Heads): string {
  const words = (row: Pick<Code, 'meaning' | 'remedy'>): readonly (readonly string[])[] => [
    [heads.meaning, row.meaning],
    [heads.remedy, row.remedy],
  ];
  const routed = (row: CodeRow | HttpRow): readonly (readonly string[])[] => [
    ...words(row),
    [heads.route, `${row.route}${heads.of(row.scope)}`],
    [heads.daemon, row.follows],
  ];
  return [
    ...http.map((row) => block(heads.ofHttp(code, row.label), routed(row))),
    ...answers.map((row) => block(`${heads.ofAnswer(code)}${row.name}`, routed(row))),
    ...receipts.map((row) => block(`${heads.ofReceipt(code)}${row.name}`, words(row))),
  ].join('\n');
}

function block(title: string, rows: readonly (readonly string[])[]): string {
  const table = tableOf(['', wrapped('')], rows);
  return `${title}\n${table.replace(/^\n/, '')}\n`;
}

const SCOPE_ZH: Readonly<Record<string, string>> = {
  message: '短信',
  sender: '发送方',
  account: '账户',
  'sender or account': '发送方或账户',
};

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
type Heads = (typeof HEADS)[Language];
