/**
 * The hot queries use the indexes made for them, and no index is there without a query.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openSpool, type Database } from '../../src/spool/open.ts';
import { LANE_EVENTS, OLDEST_FINAL, OVER, UNFORGOTTEN } from '../../src/spool/retention.ts';
import { FIRST_ROWS, LAST_ROWS } from '../../src/spool/sample.ts';
import { RANK, READY, TURN } from '../../src/spool/schema.ts';
import { filesUnder, textOf } from '../support/sources.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function setup(): { db: Database } {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-plans-'));
  const db = openSpool(join(folder, 'spool.db'), { create: true });
  cleanups.push(() => rmSync(folder, { recursive: true }));
  cleanups.push(() => void db.close());
  return { db };
}

const WAITING = `state IN ('queued','retry')`;
const SOURCE = 'account IS ? AND sender IS ? AND campaign IS ?';

describe('statements', () => {
  it('are never planned by a value that is bound, and so compiled once', () => {
    const planned = /\b(IS|IS NOT|LIMIT|OFFSET) \?/;
    const found = filesUnder('src').filter((path) => planned.test(textOf(path)));
    expect(found).toEqual([]);
  });
});

describe('the plan of', () => {
  it.each([
    [
      'who goes next in a source',
      `SELECT id FROM messages WHERE ${READY} AND ${SOURCE} ORDER BY ${TURN} LIMIT 64`,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign=?)',
    ],
    [
      'who goes next in a source from a rank on',
      `SELECT id FROM messages WHERE ${READY} AND ${SOURCE} AND ${RANK} >= ? ORDER BY ${TURN} LIMIT 64`,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign=? AND <expr>>?)',
    ],
    [
      'the oldest of a rank',
      `SELECT id FROM messages WHERE ${READY} AND ${SOURCE} AND ${RANK} = ? ORDER BY expires_at, id LIMIT 9`,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign=? AND <expr>=?)',
    ],
    [
      'the next rank of a source',
      `SELECT ${RANK} FROM messages WHERE ${READY} AND ${SOURCE} AND ${RANK} > ? ORDER BY ${RANK} LIMIT 1`,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign=? AND <expr>>?)',
    ],
    [
      'the next account',
      `SELECT account FROM messages WHERE ${READY} AND account > ? ORDER BY account LIMIT 1`,
      'USING INDEX messages_ready (account>?)',
    ],
    [
      'the next campaign of a sender',
      `SELECT campaign FROM messages WHERE ${READY} AND account IS ? AND sender IS ? AND campaign > ?
       ORDER BY campaign LIMIT 1`,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign>?)',
    ],
    [
      'what has become due',
      'SELECT id FROM messages WHERE due_at <= ? ORDER BY due_at LIMIT 500',
      'USING COVERING INDEX messages_due (due_at<?)',
    ],
    [
      'the next instant to wake at',
      'SELECT min(due_at) FROM messages WHERE due_at IS NOT NULL',
      'USING COVERING INDEX messages_due',
    ],
    [
      'what has expired',
      `SELECT id FROM messages WHERE ${WAITING} AND expires_at <= ? ORDER BY expires_at LIMIT 500`,
      'USING INDEX messages_expiring (expires_at<?)',
    ],
    [
      'what a crash left sending',
      `SELECT id FROM messages WHERE state = 'sending'`,
      'USING COVERING INDEX messages_sending',
    ],
    [
      'the newest of a campaign',
      'SELECT id FROM messages WHERE campaign = ? ORDER BY id DESC LIMIT 50',
      'USING COVERING INDEX messages_campaign (campaign=?)',
    ],
    [
      'what an operator asked',
      'SELECT * FROM control WHERE done_at IS NULL ORDER BY id',
      'control_open',
    ],
    [
      'the receipts of a message',
      'SELECT * FROM receipts WHERE message_id = ? ORDER BY id',
      'USING INDEX receipts_message (message_id=?)',
    ],
    [
      'an unmatched receipt that says the same',
      'SELECT 1 FROM receipts WHERE message_id IS NULL AND digest = ?',
      'USING INDEX receipts_unmatched (digest=?)',
    ],
    [
      'the events of a message',
      'SELECT * FROM events WHERE message_id = ? ORDER BY seq',
      'USING INDEX events_message (message_id=?)',
    ],
    [
      'the attempts of a message',
      'SELECT * FROM attempts WHERE message_id = ? ORDER BY number',
      'USING PRIMARY KEY (message_id=?)',
    ],
    [
      'the parts of an attempt',
      'SELECT * FROM parts WHERE message_id = ? AND attempt = ? ORDER BY number',
      'USING PRIMARY KEY (message_id=? AND attempt=?)',
    ],
    ...[FIRST_ROWS, LAST_ROWS].map((sql) => [
      'a sample of a source',
      sql,
      'USING INDEX messages_ready (account=? AND sender=? AND campaign=? AND <expr>>? AND <expr><?)',
    ]),
    ['what is pruned next', OVER, 'USING INDEX messages_final (updated_at<?)'],
    ['what ended first', OLDEST_FINAL, 'USING INDEX messages_final'],
    [
      'what is forgotten next',
      UNFORGOTTEN.replaceAll(/@\w+/g, '?'),
      'USING INDEX messages_final (updated_at>? AND updated_at<?)',
    ],
    ['events of lanes', LANE_EVENTS, 'USING COVERING INDEX events_message (message_id=?)'],
    [
      'a claim by id',
      `UPDATE messages SET state = 'sending' WHERE ${WAITING} AND id IN (?, ?, ?)`,
      'USING INTEGER PRIMARY KEY (rowid=?)',
    ],
  ])('%s seeks in its index and sorts nothing', (_, sql, expected) => {
    const { db } = setup();
    const values = sql
      .split('?')
      .slice(1)
      .map(() => 1);
    const plan = db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...values)
      .map((row) => (row as { detail: string }).detail);
    expect(plan.join('\n')).toContain(expected);
    expect(plan.join('\n')).not.toMatch(/TEMP B-TREE|^SCAN messages$/m);
  });

  it('names only indexes that the schema has: none is there that no query here needs', () => {
    const { db } = setup();
    const names = db
      .prepare(
        `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`,
      )
      .pluck()
      .all();
    expect(names).toEqual([
      'control_open',
      'events_message',
      'idempotency_key_is_used_once',
      'messages_campaign',
      'messages_due',
      'messages_expiring',
      'messages_final',
      'messages_idempotency_key',
      'messages_ready',
      'messages_sending',
      'receipts_message',
      'receipts_unmatched',
      'receipts_unmatched_age',
    ]);
  });
});
