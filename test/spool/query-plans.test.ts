/**
 * The statements that production prepares use the indexes that were made for them: recorded while the daemon's
 * spool is opened and the commands read it, never typed again here.
 */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { messagesMatching, openControlRows } from '../../src/spool/read/queries.ts';
import type { MessageFilter } from '../../src/spool/write/selection.ts';
import { Spool } from '../../src/spool/spool.ts';
import { messageRecordOf } from '../../src/spool/read/message-record.ts';
import { filesUnder, textOf } from '../support/sources.ts';
import { makeFolder } from '../support/spool.ts';
import { planOf, preparedBy } from '../support/statements.ts';

/** Tables that grow with the traffic: nothing may read one of them whole. */
const LARGE = ['messages', 'attempts', 'parts', 'events', 'receipts', 'keys'];

const ANY: MessageFilter = {
  ...{ states: null, reason: null, campaign: null, recipient: null, reference: null },
  ...{ account: null, sender: null, gatewayId: null, since: null, until: null },
};
const DEFAULTS = { account: 'main', senders: new Map([['main', 'AcmeInc']]) };

interface Recorded {
  readonly db: Database;
  /** What the daemon prepares when it opens its spool. */
  readonly daemons: readonly string[];
  /** What the daemon and the commands prepare. */
  readonly all: readonly string[];
}

function record(): Recorded {
  const path = join(makeFolder(), 'spool.db');
  Spool.open(path).close();
  const daemons = preparedBy(() => Spool.open(path).close());
  const db = openSpool(path);
  onTestFinished(() => void db.close());
  const commands = preparedBy(() => {
    const read = openSpool(path);
    for (const filter of [ANY, { ...ANY, campaign: 'spring' }]) {
      const order = { limit: 50, oldestFirst: false };
      messagesMatching(read, { filter, defaults: DEFAULTS }, order).next();
    }
    openControlRows(read);
    messageRecordOf(read, 1);
    read.close();
  });
  return { db, daemons, all: [...daemons, ...commands] };
}

/** Table of a name that a plan uses: the name itself, or what it is an alias of. */
function tableOf(sql: string, name: string): string {
  const found = new RegExp(String.raw`\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)\s+(?:AS\s+)?${name}\b`);
  return found.exec(sql)?.[1] ?? name;
}

describe('statements', () => {
  it('statements are never planned by a value that is bound, so SQLite compiles each of them once', () => {
    const planned = /\b(IS|IS NOT|LIMIT|OFFSET) \?/;
    const found = filesUnder('src').filter((path) => planned.test(textOf(path)));
    expect(found).toEqual([]);
  });

  it('statements of the daemon never read a large table whole', () => {
    const { db, daemons } = record();
    const wholly = (sql: string): boolean =>
      planOf(db, sql).some((line) => {
        const [, name = null] = /^SCAN (\w+)$/.exec(line) ?? [];
        return name !== null && LARGE.includes(tableOf(sql, name));
      });
    expect(daemons.length).toBeGreaterThan(100);
    expect(daemons.filter(wholly)).toEqual([]);
  });

  it('statements of the daemon sort no rows of messages', () => {
    const { db, daemons } = record();
    const sorts = daemons.filter((sql) => {
      const plan = planOf(db, sql);
      const reads = plan.some(
        (line) => tableOf(sql, /^S\w+ (\w+)/.exec(line)?.[1] ?? '') === 'messages',
      );
      return reads && plan.some((line) => /TEMP B-TREE/.test(line));
    });
    expect(sorts).toEqual([]);
  });
});

describe('the plan of', () => {
  it.each([
    [
      'the first rows of a source',
      /WHERE state IN .* account IS \+\? AND sender IS \+\? AND campaign IS \+\?/,
      'messages_ready (account=? AND sender=? AND campaign=?',
    ],
    ['the next account', /FROM messages WHERE .* account > \(/, 'messages_ready (account>?)'],
    ['what has become due', /due_at <= \?/, 'messages_due (due_at>? AND due_at<?)'],
    ['what has expired', /expires_at <= \?/, 'messages_expiring (expires_at>? AND expires_at<?)'],
    ['what a crash left sending', /state = 'sending' ORDER|= 'sending' LIMIT/, 'messages_sending'],
    [
      'the newest messages of a campaign',
      /id < \? AND campaign = \? ORDER BY id DESC/,
      'messages_campaign',
    ],
    ['what an operator asked', /FROM control WHERE done_at IS NULL/, 'control_open'],
    ['the receipts of a message', /FROM receipts WHERE message_id = /, 'receipts_message'],
    ['an unmatched receipt', /message_id IS NULL AND digest = \?/, 'receipts_unmatched (digest=?)'],
    [
      'what is pruned next',
      /updated_at < \?\s+ORDER BY updated_at/,
      'messages_final (updated_at<?)',
    ],
    ['the text that is blanked next', /updated_at >= @at/, 'messages_final (updated_at>? AND'],
    ['events of lanes', /FROM events WHERE message_id IS NULL/, 'events_message (message_id=?)'],
    ['the attempts of a message', /FROM attempts/, 'PRIMARY KEY (message_id=?'],
  ])('%s seeks in its index', (_, text, index) => {
    const { db, all } = record();
    const found = all.filter((sql) => text.test(sql.replaceAll(/\s+/g, ' ')));
    expect(found).not.toEqual([]);
    for (const sql of found) expect(planOf(db, sql).join('\n')).toContain(index);
  });
});

describe('the schema', () => {
  it('the schema has no index that no statement of production uses, but for those that forbid a second row', () => {
    const { db, all } = record();
    const made = db
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT LIKE '%UNIQUE%'`)
      .pluck()
      .all() as string[];
    const plans = all.flatMap((sql) => planOf(db, sql)).join('\n');
    expect(made).not.toEqual([]);
    expect(made.filter((name) => !plans.includes(name))).toEqual([]);
  });
});
