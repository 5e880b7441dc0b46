/**
 * A step of the schema. Ready rows lie by rank, so that retries are found apart from first attempts and rows
 * without a deadline apart from those with, however many there are of the others. And accounts say how many
 * requests they may have open: `configured_concurrency`, and `learned_concurrency` where less is available.
 *
 * Nothing that applications write changes: an index is made anew over the rows that wait.
 */
import { READY, TURN } from './schema.ts';

/** Brings version 1 to 2. */
export const RETRIES_APART = `
DROP INDEX messages_ready;
CREATE INDEX messages_ready ON messages(account, sender, campaign, ${TURN}) WHERE ${READY};
ALTER TABLE accounts ADD COLUMN configured_concurrency INTEGER;
ALTER TABLE accounts ADD COLUMN learned_concurrency INTEGER;
`;
