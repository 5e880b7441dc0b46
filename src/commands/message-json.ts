/**
 * A message as `list --json` and `show --json` print it: the columns of CONTRACT.md §15, times in ISO-8601 UTC.
 * Recipient and text are as guarded as in the tables.
 */
import { maskRecipient } from '../core/mask.ts';
import type { MessageRow } from '../spool/queries.ts';
import { isoTime } from '../terminal/times.ts';

export interface Shown {
  /** The whole recipient, not a masked one. */
  readonly full: boolean;
  /** The text (and the body of a binary message) as well. */
  readonly text: boolean;
}

/** A plain object for JSON. Without `text` the members text, body and udh are left out. */
export function messageJson(row: MessageRow, shown: Shown): Readonly<Record<string, unknown>> {
  const { text, body, udh, ...rest } = row;
  return {
    ...rest,
    recipient: shown.full ? row.recipient : maskRecipient(row.recipient),
    ...(shown.text ? { text, body, udh } : {}),
    send_at: isoTime(row.send_at),
    expires_at: isoTime(row.expires_at),
    created_at: isoTime(row.created_at),
    next_attempt_at: isoTime(row.next_attempt_at),
    updated_at: isoTime(row.updated_at),
  };
}
