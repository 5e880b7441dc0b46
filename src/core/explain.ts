/**
 * The classifier's table as rows for people, in each language: what `codes` prints and the tables of CONTRACT.md §5 and §6 are compared
 * with.
 *
 * Nothing is said twice: names and meanings come from the code tables, routes and scopes from the rules.
 */
import { HTTP_ZH, RECEIPT_ZH, STATUS_ZH, UNKNOWN_ZH, type ChineseWords } from './codes-zh.ts';
import { followsOf } from './follows.ts';
import { HTTP_CODES } from './http-codes.ts';
import type { Language } from './language.ts';
import type { Code } from './status-codes.ts';
import { STATUS_CODES } from './status-codes.ts';
import { HTTP_RULES, ruleOf, type HttpRule } from './rules.ts';
import type { Rule } from './rules.ts';
import { RECEIPT_CODES } from './receipt-codes.ts';
import type { Route } from './verdict.ts';

export interface CodeRow extends Code {
  readonly route: Route;
  /** `message`, `sender`, `account`, or `sender or account` where the error text decides. */
  readonly scope: string;
  /** What the daemon does, one sentence. */
  readonly follows: string;
}

export interface HttpRow {
  /** `401`, `3xx`. */
  readonly label: string;
  readonly meaning: string;
  readonly remedy: string;
  readonly route: Route;
  readonly scope: string;
  readonly follows: string;
}

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

/** The row for one HTTP status; null = no rule is for it. */
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

function inLanguage<T extends ChineseWords>(
  known: T,
  chinese: ChineseWords | undefined,
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

function scopeOf(code: number, rule: Rule): string {
  return code === 1 && rule.act === 'wait' && rule.route === 'retry'
    ? 'sender or account'
    : rule.scope;
}
