/** What version 5 of the schema brings for receipts: an index leads to the oldest that are about no message. */

export const RECEIPT_INDEXES = `
CREATE INDEX receipts_unmatched_age ON receipts(received_at) WHERE message_id IS NULL;
`;
