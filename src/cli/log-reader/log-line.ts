/**
 * Parses lines of the status log and decides which lines are wanted. A line that is not of the status log (half a line,
 * the output of another program) is kept as text.
 */
import type { State } from '../../core/message/message.ts';

export interface LogLine {
  /** The fields as they were written; null = it is no line of the status log. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  /** As it was written, without its line break. */
  readonly text: string;
}

/** Conditions add up; null = any. Instants are Unix seconds. */
export interface LogFilter {
  readonly message: number | null;
  readonly reference: string | null;
  readonly sender: string | null;
  readonly state: State | null;
  readonly since: number | null;
  readonly until: number | null;
  /** Whether a message is of the campaign that is asked for. */
  readonly isInCampaign: ((messageId: number) => boolean) | null;
}

export interface LogSearch {
  readonly filter: LogFilter;
  /** At most this number of the last wanted lines; Infinity = all. */
  readonly limit: number;
}

/** Seconds; a clock that was set back by less does not end the search. */
const SLACK_S = 3_600;
/** The log cuts longer references (see log/event-lines.ts). */
const REFERENCE_MAX = 200;

export function readLine(text: string): LogLine {
  try {
    const fields: unknown = JSON.parse(text);
    const isOurs = typeof fields === 'object' && fields !== null && 'event' in fields;
    return { fields: isOurs ? { ...fields } : null, text };
  } catch {
    return { fields: null, text };
  }
}

/** When it happened (Unix seconds); null = the line does not say. */
export function instantOf({ fields }: LogLine): number | null {
  const time = fields?.['at'] ?? fields?.['time'];
  const ms = typeof time === 'string' ? Date.parse(time) : NaN;
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** Whether no wanted line comes before this one. */
export function isTooOld(line: LogLine, { since }: LogFilter): boolean {
  const at = since === null ? null : instantOf(line);
  return since !== null && at !== null && at < since - SLACK_S;
}

/** A line that is not of the status log is wanted only if the filter is empty. */
export function isWanted(line: LogLine, filter: LogFilter): boolean {
  const { fields } = line;
  const { message, reference, sender, state, isInCampaign } = filter;
  const { id } = fields ?? {};
  if (message !== null && id !== message) return false;
  if (reference !== null && fields?.['reference'] !== reference.slice(0, REFERENCE_MAX)) {
    return false;
  }
  if (sender !== null && fields?.['sender'] !== sender) return false;
  if (state !== null && fields?.['to'] !== state) return false;
  if (!isInTime(instantOf(line), filter)) return false;
  return isInCampaign === null || (typeof id === 'number' && isInCampaign(id));
}

function isInTime(at: number | null, { since, until }: LogFilter): boolean {
  if (since !== null && (at === null || at < since)) return false;
  return until === null || (at !== null && at <= until);
}
