/**
 * Lists what each answer leads to: the table of CONTRACT.md §5 as data, read top to bottom.
 *
 * One rule per gateway code, one for unlisted codes, and a list for answers without parts, where the first row that
 * matches the HTTP status holds. classify.ts reads it, explain.ts prints it. A rule knows nothing of attempts, age or
 * time.
 */
import { STATUS_CODES } from '../codes/status-codes.ts';
import type { Route, Streak, Verdict } from './verdict.ts';

/** Recipients refused in a row from which a refusal is not believed to be the message's own fault. */
export const RUN_LIMIT = 10;

/** `scope`: for a throttled answer the default; the text of status 1 decides. */
export interface ClassificationRule extends Pick<
  Verdict,
  'route' | 'scope' | 'streak' | 'maxAttempts' | 'mayDouble'
> {
  /** What is asked of the lane; the reason of `suspend` is the verdict's. */
  readonly act: 'wait' | 'narrow' | 'suspend' | 'unanswered' | null;
}

export interface HttpRule {
  /** As an operator writes it: `401`, `3xx`. */
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly rule: ClassificationRule;
}

const PLAIN = { act: null, streak: null, maxAttempts: null, mayDouble: false } as const;
const RETRIED = { ...PLAIN, route: 'retry', scope: 'message' } as const;
const OF_ACCOUNT = { ...PLAIN, route: 'retry', scope: 'account' } as const;
const UNCERTAIN = { ...PLAIN, route: 'uncertain', scope: 'message', mayDouble: true } as const;

const ACCEPTED: ClassificationRule = { ...PLAIN, route: 'await-receipt', scope: 'message' };
const THROTTLED: ClassificationRule = { ...OF_ACCOUNT, act: 'wait' };
const NARROWED: ClassificationRule = { ...OF_ACCOUNT, act: 'narrow' };
const SUSPENDED: ClassificationRule = { ...OF_ACCOUNT, act: 'suspend' };
/** The gateway may have taken a message with status 5 or 13. */
const FAILED_THERE: ClassificationRule = {
  ...RETRIED,
  streak: streakOf('outage'),
  mayDouble: true,
};
const REFUSED: ClassificationRule = { ...PLAIN, route: 'permanent-failure', scope: 'message' };
/** Refusals that an error in the configuration or the account causes as well as one in the message. */
const REFUSED_OFTEN: ClassificationRule = { ...REFUSED, streak: runOf('account') };
const SENDER_REFUSED: ClassificationRule = { ...REFUSED, streak: runOf('sender') };
/** An unlisted code or an odd HTTP status. A proxy that refuses every request must burn no backlog. */
const TRIED_THRICE: ClassificationRule = { ...RETRIED, maxAttempts: 3, streak: runOf('account') };

/** The request left, and whether it was accepted is not known. */
export const UNANSWERED: ClassificationRule = { ...UNCERTAIN, act: 'unanswered' };

/** An answer came and cannot be read: the message may have been accepted. */
export const UNREADABLE: ClassificationRule = { ...UNCERTAIN, streak: streakOf('unreadable') };

/** Nothing left the machine. */
export const NEVER_LEFT: ClassificationRule = { ...OF_ACCOUNT, act: 'unanswered' };

const rows = (rule: ClassificationRule, ...codes: number[]): [number, ClassificationRule][] =>
  codes.map((c) => [c, rule]);

/** Gateway code → its rule, without the operator's overrides. */
export const CODE_RULES: ReadonlyMap<number, ClassificationRule> = new Map([
  ...rows(ACCEPTED, 0),
  ...rows(THROTTLED, 1),
  ...rows(NARROWED, 10),
  ...rows(FAILED_THERE, 5, 13),
  ...rows(SUSPENDED, 4, 8, 9, 11, 14, 32),
  // Callbacks come from the configuration only, so a bad one refuses every message.
  ...rows(SUSPENDED, 23),
  ...rows(REFUSED_OFTEN, 2, 3, 16, 19, 20, 22, 29),
  ...rows(SENDER_REFUSED, 15),
  ...rows(REFUSED, 6, 7, 12, 17, 18, 33, 34),
]);

/** For answers without a readable result: the first row whose range holds the HTTP status. */
export const HTTP_RULES: readonly HttpRule[] = [
  { label: '2xx', from: 200, to: 299, rule: UNREADABLE },
  { label: '3xx', from: 300, to: 399, rule: SUSPENDED },
  { label: '401', from: 401, to: 401, rule: SUSPENDED },
  { label: '403', from: 403, to: 403, rule: SUSPENDED },
  { label: '404', from: 404, to: 404, rule: SUSPENDED },
  { label: '408', from: 408, to: 408, rule: UNANSWERED },
  { label: '429', from: 429, to: 429, rule: THROTTLED },
  { label: '4xx', from: 400, to: 499, rule: TRIED_THRICE },
  { label: '5xx', from: 500, to: 599, rule: UNANSWERED },
];

/** The rule of a code, the operator's override applied; null is an element without a readable code. */
export function ruleOf(
  status: number | null,
  overrides: ReadonlyMap<number, Route>,
): ClassificationRule {
  if (status === 0) return ACCEPTED; // no override: what was accepted must never be sent again
  if (status === null) return UNREADABLE; // it did not say "refused"
  const rule = CODE_RULES.get(status) ?? TRIED_THRICE;
  const route = overrides.get(status);
  return route === undefined ? rule : overridden(rule, route);
}

/**
 * An overridden code is its message's own affair: it neither suspends nor counts towards a streak. What
 * slows a lane down stays. `retry` for a code that suspends means: keep sending, retry this message.
 */
function overridden(rule: ClassificationRule, route: Route): ClassificationRule {
  if (route === rule.route && rule.act !== 'suspend') return rule;
  return {
    ...PLAIN,
    route,
    scope: 'message',
    act: rule.act === 'suspend' ? null : rule.act,
    mayDouble: rule.mayDouble || route === 'uncertain',
  };
}

/** The rule of an answer without parts. */
export function httpRuleOf(httpStatus: number): ClassificationRule {
  const row = HTTP_RULES.find(({ from, to }) => httpStatus >= from && httpStatus <= to);
  return row?.rule ?? UNANSWERED;
}

/** Whether an account or a sender is suspended for this reason by a run of refusals, and by nothing else. */
export function isRunReason(reason: string, overrides: ReadonlyMap<number, Route> = NONE): boolean {
  const http = /^http-(\d{3})$/.exec(reason)?.[1];
  if (http !== undefined) return httpRuleOf(Number(http)).streak?.kind === 'run';
  const unlisted = /^unknown-code-(\d+)$/.exec(reason)?.[1];
  const code = unlisted ?? STATUS_CODES.find(({ name }) => name === reason)?.code;
  return code !== undefined && ruleOf(Number(code), overrides).streak?.kind === 'run';
}

const NONE: ReadonlyMap<number, Route> = new Map();

function runOf(scope: Streak['scope']): Streak {
  return { kind: 'run', scope, limit: RUN_LIMIT };
}

function streakOf(kind: Exclude<Streak['kind'], 'run'>): Streak {
  return { kind, scope: 'account', limit: 5 };
}
