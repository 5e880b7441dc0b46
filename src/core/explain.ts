/**
 * The classifier's table as rows for people: what `codes` prints and README's tables are compared with.
 *
 * Nothing is said twice: names and meanings come from the code tables, routes and scopes from the rules.
 */
import type { Code } from './status-codes.ts';
import { STATUS_CODES } from './status-codes.ts';
import { HTTP_RULES, ruleOf } from './rules.ts';
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
  readonly route: Route;
  readonly scope: string;
  readonly follows: string;
}

/** One gateway code, known or not, as the configuration has it (`overrides` is `[classify]`). */
export function explainCode(code: number, overrides: ReadonlyMap<number, Route>): CodeRow {
  const known = STATUS_CODES.find((entry) => entry.code === code);
  const rule = ruleOf(code, overrides);
  const { route } = rule;
  return {
    ...(known ?? unknownCode(code)),
    route,
    scope: scopeOf(code, rule),
    follows: follows(rule),
  };
}

/** Every known gateway code, in numerical order. */
export function explainCodes(overrides: ReadonlyMap<number, Route>): readonly CodeRow[] {
  return STATUS_CODES.map(({ code }) => explainCode(code, overrides));
}

/** What happens to an answer without parts, by HTTP status; the first row that fits holds. */
export function explainHttp(): readonly HttpRow[] {
  return HTTP_RULES.map(({ label, rule }) => {
    const { route, scope } = rule;
    return { label, route, scope, follows: follows(rule) };
  });
}

/** One `err-code` of a receipt, known or not. */
export function explainReceiptCode(code: number): Code {
  return RECEIPT_CODES.find((entry) => entry.code === code) ?? unknownCode(code);
}

function unknownCode(code: number): Code {
  return {
    code,
    name: `unknown-code-${code}`,
    meaning: 'No list that Vonage has published names this code.',
    remedy: 'Read the error text; give the trace or message id to Vonage support.',
  };
}

function scopeOf(code: number, rule: Rule): string {
  return code === 1 && rule.act === 'wait' && rule.route === 'retry'
    ? 'sender or account'
    : rule.scope;
}

function follows(rule: Rule): string {
  return `${[forMessage(rule), forLane(rule), forStreak(rule)].filter((s) => s !== '').join('; ')}.`;
}

function forMessage(rule: Rule): string {
  switch (rule.route) {
    case 'await-receipt':
      return 'the receipt decides';
    case 'permanent-failure':
      return 'never sent again by the daemon';
    case 'uncertain':
      return 'a receipt settles it, else resend or hold as configured';
    case 'retry':
      return rule.scope === 'message'
        ? forRetry(rule)
        : 'the message keeps its turn and its attempts';
  }
}

function forRetry(rule: Rule): string {
  const bound = rule.maxAttempts === null ? '' : `, at most ${rule.maxAttempts} attempts`;
  return `sent again after a growing delay${bound}${rule.mayDouble ? ', which may double it' : ''}`;
}

function forLane(rule: Rule): string {
  switch (rule.act) {
    case 'wait':
      return 'the lane waits as long as the gateway says, else backs off';
    case 'narrow':
      return 'fewer requests are open at a time';
    case 'suspend':
      return 'the account is suspended and probed';
    case 'unanswered':
      return 'after 5 in a row the account backs off';
    case null:
      return '';
  }
}

function forStreak({ streak }: Rule): string {
  if (streak === null) return '';
  const { kind, limit, scope } = streak;
  return kind === 'run'
    ? `from ${limit} recipients in a row refused messages of the ${scope} wait while one at a time is tried`
    : `from ${limit} recipients in a row the ${scope} is suspended`;
}
