/** Which recipients `suppress` and `unsuppress` are about: all of them are good, or nothing is done. */
import { comparedForm, internationalForm, RECIPIENT_EXPECTED } from '../core/recipient.ts';
import { UsageError } from '../exit-codes.ts';

const SHOWN_MAX = 60;

/**
 * The recipients in their international form, each once, in the order given. Throws UsageError, which names what is
 * none. What `isListed` may be named as it is written.
 */
export function recipientsAsked(
  given: readonly string[],
  isListed: (written: string) => boolean = () => false,
): readonly string[] {
  const wrong = given.filter((value) => internationalForm(value) === null && !isListed(value));
  if (wrong.length > 0) {
    const names = wrong.slice(0, 3).map(shown).join(', ');
    const more = wrong.length > 3 ? ` and ${wrong.length - 3} more` : '';
    throw new UsageError(`number: expected ${RECIPIENT_EXPECTED}; found ${names}${more}`);
  }
  return [...new Set(given.map(comparedForm))];
}

function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX - 1)}…` : value);
}
