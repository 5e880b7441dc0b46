/**
 * Makes text that is safe to write to a terminal: escaped, and then perhaps coloured. Only this file makes it, so that
 * coloured foreign text is escaped, too.
 */
import { styleText } from 'node:util';
import { escapeJson, escapeLines, escapeText } from '../core/text/escape.ts';

declare const checked: unique symbol;

/** Escaped text with our own control sequences. */
export type Safe = string & { readonly [checked]: true };

export type Style = Parameters<typeof styleText>[0];

/** One line: line feeds are escaped, too. */
export function safeLine(text: string): Safe {
  return escapeText(text) as Safe;
}

export function safeLines(text: string): Safe {
  return escapeLines(text) as Safe;
}

/** A JSON document on one line; parsing gives what was there. */
export function safeJson(document: unknown): Safe {
  return escapeJson(JSON.stringify(document)) as Safe;
}

/** The text of one or several lines in a style; null = plain. The caller decides whether there are colours. */
export function styled(style: Style | null, text: string): Safe {
  const plain = safeLines(text);
  return style === null ? plain : (styleText(style, plain, { validateStream: false }) as Safe);
}

/** The same where standard output is a terminal that shows colours, and NO_COLOR does not forbid them. */
export function styledForOutput(style: Style | null, text: string): Safe {
  const plain = safeLines(text);
  return style === null ? plain : (styleText(style, plain) as Safe);
}

/** For constant control sequences only, never for anything that was read. */
export function ourOwn(sequence: string): Safe {
  return sequence as Safe;
}

export function joined(pieces: readonly Safe[], separator: Safe = ourOwn('')): Safe {
  return pieces.join(separator) as Safe;
}
