/** Which recipients `suppress` and `unsuppress` are about: all of them are good, or nothing is done. */
import { isRecipient } from '../core/judge-row.ts';
import { stripControls } from '../core/mask.ts';
import { UsageError } from '../exit-codes.ts';

const SHOWN_MAX = 60;

/** The recipients as digits, each once, in the order given. Throws UsageError, which names what is none. */
export function recipientsAsked(given: readonly string[]): readonly string[] {
  const wrong = given.filter((value) => !isRecipient(value));
  if (wrong.length > 0) {
    const names = wrong.slice(0, 3).map(shown).join(', ');
    const more = wrong.length > 3 ? ` and ${wrong.length - 3} more` : '';
    throw new UsageError(
      `number: expected 7 to 15 digits with at most one leading +, no spaces; found ${names}${more}`,
    );
  }
  return [...new Set(given.map((value) => value.replace(/^\+/, '')))];
}

function shown(value: string): string {
  const safe = stripControls(value);
  return JSON.stringify(safe.length > SHOWN_MAX ? `${safe.slice(0, SHOWN_MAX - 1)}…` : safe);
}
