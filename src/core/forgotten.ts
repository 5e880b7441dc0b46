/**
 * What stays of a text that was forgotten: a mark with the number of parts it was likely to become, so that a
 * receipt which comes late is still held against the right number. Pure.
 *
 * Always holds: the mark says nothing else of the text, and the spool's own constraints take it.
 */
import { predictParts, type Content } from './parts.ts';

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
