/** What the daemon does by a rule, as one sentence, in each language. Pure. */
import type { Language } from './language.ts';
import type { Rule } from './rules.ts';
import type { Scope } from './verdict.ts';

interface Phrases {
  readonly settled: Readonly<Record<'await-receipt' | 'permanent-failure' | 'uncertain', string>>;
  readonly kept: string;
  readonly retried: (maxAttempts: number | null, mayDouble: boolean) => string;
  readonly act: Readonly<Record<Exclude<Rule['act'], null>, string>>;
  readonly run: (limit: number, scope: Scope) => string;
  readonly stop: (limit: number, scope: Scope) => string;
  readonly joint: string;
  readonly end: string;
}

const SCOPE_ZH: Readonly<Record<Scope, string>> = {
  message: '短信',
  sender: '发送方',
  account: '账户',
};

const PHRASES: Readonly<Record<Language, Phrases>> = {
  en: {
    settled: {
      'await-receipt': 'the receipt decides',
      'permanent-failure': 'never sent again by the daemon',
      uncertain: 'a receipt settles it, else resend or hold as configured',
    },
    kept: 'the message keeps its turn and its attempts',
    retried: (most, mayDouble) =>
      `sent again after a growing delay${most === null ? '' : `, at most ${most} attempts`}` +
      (mayDouble ? ', which may double it' : ''),
    act: {
      wait: 'the lane waits as long as the gateway says, else backs off',
      narrow: 'fewer requests are open at a time',
      suspend: 'the account is suspended and probed',
      unanswered: 'after 5 in a row the account backs off',
    },
    run: (limit, scope) =>
      `from ${limit} recipients in a row refused messages of the ${scope} wait while one at a time is tried`,
    stop: (limit, scope) => `from ${limit} recipients in a row the ${scope} is suspended`,
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
    retried: (most, mayDouble) =>
      `间隔逐次加长后重发${most === null ? '' : `，最多尝试 ${most} 次`}` +
      (mayDouble ? '，可能重复送达' : ''),
    act: {
      wait: '通道按网关要求的时间等待，否则退避',
      narrow: '减少同时打开的请求',
      suspend: '账户暂停发送，并用单条短信试探',
      unanswered: '连续 5 次后账户退避',
    },
    run: (limit, scope) =>
      `连续 ${limit} 个收件人被拒后，该${SCOPE_ZH[scope]}被拒的短信等待，每次只试一条`,
    stop: (limit, scope) => `连续 ${limit} 个收件人之后，该${SCOPE_ZH[scope]}暂停发送`,
    joint: '；',
    end: '。',
  },
};

/** The sentence for a rule. */
export function followsOf(rule: Rule, language: Language): string {
  const { joint, end } = PHRASES[language];
  const parts = [forMessage(rule, language), forLane(rule, language), forStreak(rule, language)];
  return `${parts.filter((part) => part !== '').join(joint)}${end}`;
}

function forMessage(rule: Rule, language: Language): string {
  const { settled, kept, retried } = PHRASES[language];
  if (rule.route !== 'retry') return settled[rule.route];
  return rule.scope === 'message' ? retried(rule.maxAttempts, rule.mayDouble) : kept;
}

function forLane({ act }: Rule, language: Language): string {
  return act === null ? '' : PHRASES[language].act[act];
}

function forStreak({ streak }: Rule, language: Language): string {
  if (streak === null) return '';
  const { kind, limit, scope } = streak;
  const { run, stop } = PHRASES[language];
  return kind === 'run' ? run(limit, scope) : stop(limit, scope);
}
