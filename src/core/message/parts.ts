/**
 * Predicts the encoding that a text needs, and the number of parts the gateway will split it into.
 *
 * GSM-7 is the default alphabet and extension table of 3GPP TS 23.038; the gateway does not choose between it and UCS-2
 * itself. Vonage does not document the split at an escape pair or a surrogate pair; the answer says how many parts there
 * are. A forgotten text leaves a mark with that count, so that a late receipt is compared with the right number.
 */
import type { TextType } from './message.ts';

/** One septet each. ESC is no character of its own. */
export const GSM_BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

/** Two septets each: an escape and a character, which stay in one part. */
export const GSM_EXTENSION = '\f^{}\\[~]|€';

/** How much one SMS holds alone, and as a part of several (a header takes six octets). */
interface Capacity {
  readonly alone: number;
  readonly perPart: number;
}

const SEPTETS: Capacity = { alone: 160, perPart: 153 };
const UTF16_UNITS: Capacity = { alone: 70, perPart: 67 };
const OCTETS: Capacity = { alone: 140, perPart: 134 };

export interface Content {
  readonly type: TextType | 'auto';
  /** Null for `binary`. */
  readonly text: string | null;
  /** Hex; null unless `binary`. */
  readonly body: string | null;
  readonly udh: string | null;
}

const escapeForClass = (characters: string): string => characters.replace(/[\\\]^-]/g, '\\$&');
const GSM_TEXT = new RegExp(`^[${escapeForClass(GSM_BASIC + GSM_EXTENSION)}]*$`);
const EXTENSION_CHARACTER = new RegExp(`[${escapeForClass(GSM_EXTENSION)}]`);
const EXTENSION: ReadonlySet<string> = new Set(GSM_EXTENSION);

/** 1 where an ASCII character is of GSM-7; past its end, undefined. */
const GSM_ASCII = Uint8Array.from({ length: 128 }, (_, code) =>
  GSM_TEXT.test(String.fromCharCode(code)) ? 1 : 0,
);

/** `text` when GSM-7 can hold every character, else `unicode`. */
export function encodingOf(text: string): 'text' | 'unicode' {
  // Plain ASCII is the common case, and a table is six times as fast for it as the class of the regex.
  for (let i = 0; i < text.length; i += 1) {
    if (GSM_ASCII[text.charCodeAt(i)] !== 1) return GSM_TEXT.test(text) ? 'text' : 'unicode';
  }
  return 'text';
}

/** What a content becomes on the wire. */
export interface Encoded {
  readonly encoding: TextType;
  /** As `predictParts`. */
  readonly parts: number;
  /** The characters that GSM-7 does not have, each once, in the order in which they first come. */
  readonly causes: readonly string[];
}

/** The encoding that a content is sent in, its parts, and what keeps it from being GSM-7. */
export function encode(content: Content): Encoded {
  const parts = predictParts(content);
  if (content.type === 'binary') return { encoding: 'binary', parts, causes: [] };
  const text = content.text ?? '';
  const encoding = content.type === 'auto' ? encodingOf(text) : content.type;
  return { encoding, parts, causes: notInGsm(text) };
}

/** The characters of a text that GSM-7 does not have, each once. */
export function notInGsm(text: string): readonly string[] {
  if (encodingOf(text) === 'text') return [];
  return [...new Set(text)].filter((character) => !GSM_TEXT.test(character));
}

/** The number of parts the message is likely to become; at least 1. */
export function predictParts(content: Content): number {
  if (content.type === 'binary') return predictBinary(content);
  const text = content.text ?? '';
  const type = content.type === 'auto' ? encodingOf(text) : content.type;
  return type === 'text' ? predictGsm(text) : predictUnicode(text);
}

function predictGsm(text: string): number {
  if (text.length <= SEPTETS.alone && !EXTENSION_CHARACTER.test(text)) return 1;
  return fill(text, SEPTETS, (character) => (EXTENSION.has(character) ? 2 : 1));
}

function predictUnicode(text: string): number {
  if (text.length <= UTF16_UNITS.alone) return 1;
  return fill(text, UTF16_UNITS, (character) => character.length);
}

function predictBinary({ body, udh }: Content): number {
  const octets = ((body ?? '').length + (udh ?? '').length) / 2;
  return octets <= OCTETS.alone ? 1 : Math.ceil(octets / OCTETS.perPart);
}

/** Fills parts character by character: none is cut in two. */
function fill(text: string, capacity: Capacity, widthOf: (character: string) => number): number {
  let total = 0;
  let used = 0;
  let parts = 1;
  for (const character of text) {
    const width = widthOf(character);
    total += width;
    used += width;
    if (used > capacity.perPart) {
      parts += 1;
      used = width;
    }
  }
  return total <= capacity.alone ? 1 : parts;
}

const MARK = /^\(forgotten: (\d{1,5}) parts?\)$/;

/** What takes the place of a content; of what is forgotten already, the same again. */
export function forget(content: Content): Content {
  const parts = predictedParts(content);
  const isBinary = content.type === 'binary';
  return {
    type: content.type,
    text: `(forgotten: ${parts} ${parts === 1 ? 'part' : 'parts'})`,
    body: isBinary ? '00' : null,
    udh: null,
  };
}

/** Whether the content is a mark: what stood there is gone and cannot be sent again. */
export function isForgotten({ text }: Pick<Content, 'text'>): boolean {
  return text !== null && MARK.test(text);
}

/** The number of parts a message is, or was, likely to become; at least 1. */
export function predictedParts(content: Content): number {
  const [, parts] = MARK.exec(content.text ?? '') ?? [];
  return parts === undefined ? predictParts(content) : Math.max(1, Number(parts));
}
