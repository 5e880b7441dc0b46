/** What has ended, and the index that has it in the order in which it did. */
import type { Final } from '../core/message.ts';

/* An OR chain, commonest first: `IN (six strings)` builds a temporary b-tree per statement. */
/** Final messages. A query must repeat it word for word, or the partial index is not used. */
export const FINAL = Object.keys({
  delivered: true,
  unconfirmed: true,
  undelivered: true,
  'permanent-failure': true,
  expired: true,
  cancelled: true,
} satisfies Record<Final, true>)
  .map((state) => `state = '${state}'`)
  .join(' OR ');

/** Brings version 2 to 3: nothing that anybody sees. */
export const FINAL_APART = `CREATE INDEX messages_final ON messages(updated_at) WHERE ${FINAL}`;
