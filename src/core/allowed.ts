/**
 * What the operator allows to be sent at all (`[safety] only_prefixes`, `only_senders`, `max_parts`, `binary`): for
 * a test system that must not reach customers, or against a program that goes wild. Pure.
 *
 * A row outside is never sent: it becomes `permanent-failure`, NOT_ALLOWED.
 */
import { predictParts } from './parts.ts';
import { comparedForm } from './recipient.ts';

/** The reason of a row that is outside. */
export const NOT_ALLOWED = 'not-allowed-here';

export interface AllowRules {
  /** Leading digits of international numbers; null = any. */
  readonly onlyPrefixes: readonly string[] | null;
  /** As sent to the gateway; null = any. */
  readonly onlySenders: readonly string[] | null;
  /** Parts that a message is likely to become; null = any number. */
  readonly maxParts: number | null;
  /** Whether messages of type `binary` are sent. */
  readonly binary: boolean;
}

export interface AskedRow {
  readonly recipient: string;
  readonly type: 'auto' | 'text' | 'unicode' | 'binary';
  readonly text: string | null;
  readonly body: string | null;
  readonly udh: string | null;
}

/** The rules where there are any; null = everything is allowed. */
export function allowRulesOf(rules: AllowRules): AllowRules | null {
  const { onlyPrefixes, onlySenders, maxParts, binary } = rules;
  const isAny = onlyPrefixes !== null || onlySenders !== null || maxParts !== null || !binary;
  return isAny ? { onlyPrefixes, onlySenders, maxParts, binary } : null;
}

/** Whether a row that is right in itself may be sent; `sender` is the name that it is sent with. */
export function isAllowed(row: AskedRow, sender: string | null, rules: AllowRules): boolean {
  const { onlyPrefixes, onlySenders, maxParts, binary } = rules;
  const digits = comparedForm(row.recipient);
  if (onlyPrefixes !== null && !onlyPrefixes.some((prefix) => digits.startsWith(prefix)))
    return false;
  if (onlySenders !== null && (sender === null || !onlySenders.includes(sender))) return false;
  if (!binary && row.type === 'binary') return false;
  return maxParts === null || predictParts(row) <= maxParts;
}
