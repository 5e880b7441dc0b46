/**
 * Classifies an answer: Observation in, Verdict out.
 *
 * Total and pure: the verdict depends on the observation and the operator's overrides alone. The rules are data
 * (classification-rules.ts); here they are chosen, and several parts become one verdict. What any part asks of a lane is
 * asked, whichever part decides about the message.
 */
import type { Cause, MessageReason } from '../codes/reasons.ts';
import type { AnswerPart, Observation } from './observation.ts';
import { httpRuleOf, NEVER_LEFT, ruleOf, UNANSWERED, UNREADABLE } from './classification-rules.ts';
import type { ClassificationRule } from './classification-rules.ts';
import { reasonOf } from '../codes/status-codes.ts';
import { readThrottleText } from './throttle-text.ts';
import type { LaneAct, Route, Scope, Verdict } from './verdict.ts';

type Overrides = ReadonlyMap<number, Route>;
type LaneWait = Extract<LaneAct, { kind: 'wait' }>;

interface JudgedPart {
  readonly part: AnswerPart;
  readonly rule: ClassificationRule;
  readonly reason: MessageReason;
  readonly scope: Scope;
  readonly act: LaneAct | null;
}

const ACCEPTED: Verdict = { ...verdictOf(ruleOf(0, new Map()), 'accepted', []), status: 0 };

/** The verdict on an observation. `overrides` is `[classify]`: gateway code → route; 0 cannot be overridden. */
export function classify(observation: Observation, overrides: Overrides): Verdict {
  switch (observation.kind) {
    case 'answered':
      return isAccepted(observation.parts) ? ACCEPTED : classifyParts(observation.parts, overrides);
    case 'http':
      return classifyHttp(observation);
    case 'unanswered':
      return verdictOf(UNANSWERED, observation.cause, unansweredActs(observation.cause));
    case 'never-left':
      return verdictOf(NEVER_LEFT, observation.cause, [{ kind: 'unanswered', left: false }]);
  }
}

function isAccepted(parts: readonly AnswerPart[]): boolean {
  return parts.length > 0 && parts.every((part) => part.status === 0);
}

function classifyParts(parts: readonly AnswerPart[], overrides: Overrides): Verdict {
  const judged = parts.map((part) => judge(part, overrides));
  const [worst = null] = judged.toSorted((a, b) => severity(b) - severity(a));
  if (worst === null) return verdictOf(UNREADABLE, 'unreadable-answer', []);
  const acts = mergeActs(judged.flatMap(({ act }) => (act === null ? [] : [act])));
  const accepted = judged.filter(({ rule }) => rule.route === 'await-receipt').length;
  const { status, errorText } = worst.part;
  if (accepted > 0 && accepted < parts.length) {
    return { ...ACCEPTED, reason: 'accepted-in-part', status, errorText, acts };
  }
  const mayDouble = judged.some(({ rule }) => rule.mayDouble);
  const { scope, reason } = worst;
  return { ...verdictOf(worst.rule, reason, acts), scope, status, errorText, mayDouble };
}

function judge(part: AnswerPart, overrides: Overrides): JudgedPart {
  const rule = withId(part, ruleOf(part.status, overrides));
  const reason = part.status === null ? 'unreadable-answer' : reasonOf(part.status);
  if (rule.act !== 'wait')
    return { part, rule, reason, scope: rule.scope, act: plainAct(rule, reason) };
  const hint = readThrottleText(part.errorText);
  // Overridden away from `retry`, a throttled message is its own affair; its lane waits all the same.
  const scope = rule.route === 'retry' ? hint.scope : rule.scope;
  return { part, rule, reason, scope, act: { kind: 'wait', ...hint } };
}

/* Only what was accepted has an id: with any status, sending it again may double it. A price proves nothing: status 9
 * names one as well. */
function withId({ gatewayId }: AnswerPart, rule: ClassificationRule): ClassificationRule {
  if (gatewayId === null || rule.route !== 'retry') return rule;
  const doubt = { route: 'uncertain', scope: 'message', mayDouble: true } as const;
  return { ...rule, ...doubt, streak: null, maxAttempts: null };
}

function plainAct(rule: ClassificationRule, reason: MessageReason): LaneAct | null {
  if (rule.act === 'narrow') return { kind: 'narrow' };
  return rule.act === 'suspend' ? { kind: 'suspend', reason } : null;
}

/**
 * Permanent first: sending again would not help. Then uncertain (by override only), because sending again
 * may double; then the account's trouble, the message's, and a mere "slow down".
 */
function severity({ part, rule }: JudgedPart): number {
  if (part.status === 0) return 0;
  switch (rule.route) {
    case 'permanent-failure':
      return 6;
    case 'uncertain':
      return 5;
    case 'await-receipt':
      return 1;
    case 'retry':
      if (rule.act === 'wait' || rule.act === 'narrow') return 2;
      return rule.scope === 'account' ? 4 : 3;
  }
}

/** Each act once; of several waits of one scope the longest, with the limit any of them named. */
function mergeActs(acts: readonly LaneAct[]): readonly LaneAct[] {
  const merged = new Map<string, LaneAct>();
  for (const act of acts) {
    const key = keyOf(act);
    const earlier = merged.get(key);
    const isWait = act.kind === 'wait' && earlier?.kind === 'wait';
    merged.set(key, isWait ? longerWait(earlier, act) : act);
  }
  return [...merged.values()];
}

function keyOf(act: LaneAct): string {
  if (act.kind === 'wait') return `wait ${act.scope}`;
  return act.kind === 'suspend' ? `suspend ${act.reason}` : act.kind;
}

function longerWait(a: LaneWait, b: LaneWait): LaneWait {
  const known = [a.waitMs, b.waitMs].filter((waitMs) => waitMs !== null);
  const waitMs = known.length === 0 ? null : Math.max(...known);
  const named = b.limit === null ? a : b;
  return { ...a, waitMs, limit: named.limit, intervalMs: named.intervalMs };
}

function classifyHttp(answer: Extract<Observation, { kind: 'http' }>): Verdict {
  const { httpStatus, errorText, retryAfterMs } = answer;
  const rule = httpRuleOf(httpStatus);
  const isOk = httpStatus >= 200 && httpStatus < 300;
  const reason: MessageReason = isOk ? 'unreadable-answer' : `http-${httpStatus}`;
  return { ...verdictOf(rule, reason, httpActs(rule, reason, retryAfterMs)), errorText };
}

/* A gateway that does not get round to answering may have too many open. */
function unansweredActs(cause: Cause): readonly LaneAct[] {
  const unanswered = { kind: 'unanswered', left: true } as const;
  return cause === 'timeout' ? [unanswered, { kind: 'narrow' }] : [unanswered];
}

function httpActs(
  rule: ClassificationRule,
  reason: MessageReason,
  waitMs: number | null,
): readonly LaneAct[] {
  /* 429 does not say whether they come too fast or are too many at a time. */
  if (rule.act === 'wait') {
    const named = { waitMs, limit: null, intervalMs: null };
    return [{ kind: 'wait', scope: 'account', ...named }, { kind: 'narrow' }];
  }
  if (rule.act === 'suspend') return [{ kind: 'suspend', reason }];
  return rule.act === 'unanswered' ? [{ kind: 'unanswered', left: true }] : [];
}

function verdictOf(
  rule: ClassificationRule,
  reason: MessageReason,
  acts: readonly LaneAct[],
): Verdict {
  const { route, scope, streak, maxAttempts, mayDouble } = rule;
  const nothingRead = { status: null, errorText: null };
  return { route, scope, reason, ...nothingRead, acts, streak, maxAttempts, mayDouble };
}
