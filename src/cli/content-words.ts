/**
 * Describes how a text is sent: its encoding, its number of parts, and the characters that GSM-7 does not have. `send`
 * and `import` print it before it costs; `show` prints it for a stored message.
 */
import { describeCharacters } from '../core/message/characters.ts';
import { notInGsm, type Content, type Encoded } from '../core/message/parts.ts';
import type { DropRow } from '../spool/write/insert.ts';

/** A row that was not inserted yet, as a content. */
export function contentOf(row: DropRow): Content {
  const textOf = (value: string | number | undefined): string | null =>
    value === undefined ? null : String(value);
  const { type, text, body, udh } = row;
  return {
    type: type === 'text' || type === 'unicode' || type === 'binary' ? type : 'auto',
    ...{ text: textOf(text), body: textOf(body), udh: textOf(udh) },
  };
}

/** 'unicode, 2 parts, because of U+2019 ’ (right single quotation mark)'. */
export function encodedWords({ encoding, parts, causes }: Encoded): string {
  const because = causes.length === 0 ? '' : `, because of ${describeCharacters(causes)}`;
  return `${encoding}, ${parts} ${parts === 1 ? 'part' : 'parts'}${because}`;
}

export function encodedFields({ encoding, parts, causes }: Encoded): object {
  return { encoding, predicted_parts: parts, not_in_gsm: causes };
}

/** Whether the sender should know: it costs more than one part, or a character makes it unicode. */
export function isNotable({ encoding, parts, causes }: Encoded): boolean {
  return parts > 1 || (encoding === 'unicode' && causes.length > 0);
}

/** Why a content would not arrive as it is written; null = it arrives. */
export function contentProblem(content: Content): string | null {
  const odd = content.type === 'text' ? notInGsm(content.text ?? '') : [];
  if (odd.length === 0) return null;
  return (
    `type text is GSM-7, which does not have ${describeCharacters(odd)}: each would arrive as "?". ` +
    'Leave type out, or use unicode'
  );
}
