/**
 * Makes rows for people of the classifier's table, in each language: `codes` prints them, and the tables of CONTRACT.md
 * §5 and §6 are compared with them. Names and meanings come from the code tables, routes and scopes from the rules.
 */
import { HTTP_ZH, RECEIPT_ZH, STATUS_ZH, UNKNOWN_ZH } from '../codes/codes-zh.ts';
import {
  HTTP_CODES,
  STATUS_CODES,
  type Code,
  type Explanation,
  type HttpCode,
} from '../codes/status-codes.ts';
import {
  HTTP_RULES,
  ruleOf,
  type HttpRule,
  type ClassificationRule,
} from './classification-rules.ts';
import { RECEIPT_CODES } from '../codes/receipt-codes.ts';
import type { Route, Scope } from './verdict.ts';

/** What the daemon does. */
interface Treatment {
  readonly route: Route;
  /** `message`, `sender`, `account`, or `sender or account` where the error text decides. */
  readonly scope: string;
  readonly follows: string;
}

export type CodeRow = Code & Treatment;
export type HttpRow = HttpCode & Treatment;

/** One gateway code, known or not, as the configuration has it (`overrides` is `[classify]`). */
export function explainCode(
  code: number,
  overrides: ReadonlyMap<number, Route>,
  language: Language = 'en',
): CodeRow {
  const known = STATUS_CODES.find((entry) => entry.code === code) ?? unknownCode(code);
  const rule = ruleOf(code, overrides);
  return {
    ...inLanguage(known, STATUS_ZH[code], language),
    route: rule.route,
    scope: scopeOf(code, rule),
    follows: followsOf(rule, language),
  };
}

/** Every known gateway code, in numerical order. */
export function explainCodes(
  overrides: ReadonlyMap<number, Route>,
  language: Language = 'en',
): readonly CodeRow[] {
  return STATUS_CODES.map(({ code }) => explainCode(code, overrides, language));
}

/** What happens to an answer without parts, by HTTP status; the first row that fits holds. */
export function explainHttp(language: Language = 'en'): readonly HttpRow[] {
  return HTTP_RULES.map((rule) => httpRow(rule, language));
}

/** The row of one HTTP status; null = no rule is for it. */
export function explainHttpStatus(status: number, language: Language = 'en'): HttpRow | null {
  const found = HTTP_RULES.find(({ from, to }) => status >= from && status <= to);
  return found === undefined ? null : httpRow(found, language);
}

/** One `err-code` of a receipt, known or not. */
export function explainReceiptCode(code: number, language: Language = 'en'): Code {
  const known = RECEIPT_CODES.find((entry) => entry.code === code) ?? unknownCode(code);
  return inLanguage(known, RECEIPT_ZH[code], language);
}

/** Every known `err-code` of a receipt, in numerical order. */
export function explainReceiptCodes(language: Language = 'en'): readonly Code[] {
  return RECEIPT_CODES.map(({ code }) => explainReceiptCode(code, language));
}

function httpRow({ label, rule }: HttpRule, language: Language): HttpRow {
  const { route, scope } = rule;
  const known = HTTP_CODES.find((entry) => entry.label === label) ?? { label, ...UNKNOWN };
  const words = inLanguage(known, HTTP_ZH[label], language);
  return { ...words, route, scope, follows: followsOf(rule, language) };
}

function inLanguage<T extends Explanation>(
  known: T,
  chinese: Explanation | undefined,
  language: Language,
): T {
  return language === 'zh' ? { ...known, ...(chinese ?? UNKNOWN_ZH) } : known;
}

const UNKNOWN = {
  meaning: 'No list that Vonage has published names this code.',
  remedy: 'Read the error text; give the trace or message id to Vonage support.',
};

function unknownCode(code: number): Code {
  return { code, name: `unknown-code-${code}`, ...UNKNOWN };
}

function scopeOf(code: number, rule: ClassificationRule): string {
  return code === 1 && rule.act === 'wait' && rule.route === 'retry'
    ? 'sender or account'
    : rule.scope;
}

const SCOPE_ZH: Readonly<Record<Scope, string>> = {
  message: '短信',
  sender: '发送方',
  account: '账户',
};

const PHRASES = {
  en: {
    settled: {
      'await-receipt': 'the receipt decides',
      'permanent-failure': 'never sent again by the daemon',
      uncertain: 'a receipt settles it, else resend or hold as configured',
    },
    kept: 'the message keeps its turn and its attempts',
    retried: (most: number | null, mayDouble: boolean) =>
      `sent again after a growing delay${most === null ? '' : `, at most ${most} attempts`}` +
      (mayDouble ? ', which may double it' : ''),
    act: {
      wait: 'the lane waits as long as the gateway says, else backs off',
      narrow: 'fewer requests are open at a time',
      suspend: 'the account is suspended and probed',
      unanswered: 'after 5 in a row the account backs off',
    },
    run: (limit: number, scope: Scope) =>
      `from ${limit} recipients in a row refused messages of the ${scope} wait while one at a time is tried`,
    stop: (limit: number, scope: Scope) =>
      `from ${limit} recipients in a row the ${scope} is suspended`,
    joint: '; ',
    end: '.',
  },
  zh: {
    settled: {
      'await-receipt': '由回执决定结果',
      'permanent-failure': '守护进程不再发送',
      uncertain: '由回执确定结果，否则按配置重发或保留',
    },
    kept: '短信保留其次序和尝试次数',
    retried: (most: number | null, mayDouble: boolean) =>
      `间隔逐次加长后重发${most === null ? '' : `，最多尝试 ${most} 次`}` +
      (mayDouble ? '，可能重复送达' : ''),
    act: {
      wait: '通道按网关要求的时间等待，否则退避',
      narrow: '减少同时打开的请求',
      suspend: '账户暂停发送，并用单条短信试探',
      unanswered: '连续 5 次后账户退避',
    },
    run: (limit: number, scope: Scope) =>
      `连续 ${limit} 个收件人被拒后，该${SCOPE_ZH[scope]}被拒的短信等待，每次只试一条`,
    stop: (limit: number, scope: Scope) =>
      `连续 ${limit} 个收件人之后，该${SCOPE_ZH[scope]}暂停发送`,
    joint: '；',
    end: '。',
  },
} as const;

function followsOf(rule: ClassificationRule, language: Language): string {
  const { settled, kept, retried, act, run, stop, joint, end } = PHRASES[language];
  const { route, scope, maxAttempts, mayDouble, streak } = rule;
  const again = scope === 'message' ? retried(maxAttempts, mayDouble) : kept;
  const parts = [
    route === 'retry' ? again : settled[route],
    rule.act === null ? '' : act[rule.act],
    streak === null ? '' : (streak.kind === 'run' ? run : stop)(streak.limit, streak.scope),
  ];
  return `${parts.filter((part) => part !== '').join(joint)}${end}`;
}

export const LANGUAGES = ['en', 'zh'] as const;

export type Language = (typeof LANGUAGES)[number];

/** The language of messages as POSIX has it: the first of LC_ALL, LC_MESSAGES and LANG that is set. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const set = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']];
  return languageNamed(set.find((value) => value !== undefined && value !== '') ?? '') ?? 'en';
}

/** `zh`, `zh_CN.UTF-8`, `zh-Hans`, `en_GB`; null = a language that we do not have. */
export function languageNamed(name: string): Language | null {
  const [first = ''] = name.toLowerCase().split(/[_.@-]/);
  return LANGUAGES.find((language) => language === first) ?? null;
}
