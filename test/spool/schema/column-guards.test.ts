/**
 * Who may change which column of a message, as an application meets it: by SQL, on real files.
 */
import { describe, expect, it } from 'vitest';
import type { BEFORE_THE_FIRST_ATTEMPT } from '../../../src/spool/schema/column-guards.ts';
import { INTERNAL, PUBLIC } from '../../../src/spool/schema/column-guards.ts';
import { STATES } from '../../../src/core/message/message.ts';
import { execAsDaemon } from '../../support/as-daemon.ts';
import { setup } from '../../support/spool.ts';

const FINAL = [
  'delivered',
  'undelivered',
  'unconfirmed',
  'permanent-failure',
  'expired',
  'cancelled',
];

function inState(state: string, lastAttempt = 1) {
  const { other, spool, commit, claim } = setup();
  const id = other.drop({ reference: 'order-9' });
  execAsDaemon(
    other.db,
    `UPDATE messages SET state = '${state}', last_attempt = ${lastAttempt} WHERE id = ${id}`,
  );
  return { other, spool, commit, claim, id };
}

describe('a save of a whole row', () => {
  it.each(STATES.filter((state) => state !== 'queued'))(
    'a save of a whole row that brings back the state from before the daemon moved it to %s is refused, and control is named',
    (state) => {
      const { other, id } = inState(state);
      expect(() => {
        other.db.exec(
          `UPDATE messages SET state = 'queued', reference = 'order-9' WHERE id = ${id}`,
        );
      }).toThrow('state_is_changed_by_the_daemon_ask_in_control');
      expect(other.message(id)['state']).toBe(state);
    },
  );

  it('a save of a whole row that writes back what it read is taken in every state, by name and by number', () => {
    for (const state of STATES) {
      const { other, id } = inState(state);
      const before = other.message(id);
      const columns = Object.keys(before).filter((column) => column !== 'id');
      other.db
        .prepare(`UPDATE messages SET ${columns.map((c) => `${c} = @${c}`).join()} WHERE id = @id`)
        .run(before);
      expect(other.message(id)).toEqual(before);
    }
  });

  it('a save of a whole row is refused whichever column of the daemon it changes, also by OR IGNORE and OR REPLACE', () => {
    const { other } = inState('delivered');
    for (const column of [...PUBLIC, ...INTERNAL].filter((name) => name !== 'revision')) {
      for (const verb of ['UPDATE', 'UPDATE OR IGNORE', 'UPDATE OR REPLACE']) {
        expect(() => {
          other.db.exec(`${verb} messages SET ${column} = 'queued'`);
        }).toThrow(/_ask_in_control$/);
      }
    }
  });

  it('a save of a whole row with NULL for a column that has a default is judged by the default', () => {
    const { other, id } = inState('delivered');
    expect(() => other.db.exec('UPDATE messages SET state = NULL')).toThrow('ask_in_control');
    const fresh = other.drop();
    other.db.exec(
      `UPDATE messages SET state = NULL, type = NULL, priority = NULL WHERE id = ${fresh}`,
    );
    expect(other.message(fresh)).toMatchObject({ state: 'queued', type: 'auto', priority: 4 });
    expect(other.message(id)['state']).toBe('delivered');
  });

  it('a save of a whole row of what was just inserted, with NULL for what the spool set, changes nothing else', () => {
    const { other } = setup();
    other.drop({ send_at: 2_000_000_000 });
    other.db.exec(`UPDATE messages SET created_at = 'today'`);
    const before = other.message(1);
    other.db.exec(
      `UPDATE messages SET revision = 0, due_at = NULL, created_at = NULL, updated_at = NULL, reference = 'r'`,
    );
    const { revision, ...after } = other.message(1);
    expect(after).toEqual({ ...before, reference: 'r', revision: undefined });
    expect(revision).toBeGreaterThan(Number(before['revision']));
    other.db.exec(`UPDATE messages SET due_at = NULL, send_at = 2000000001`);
    expect(other.message(1)['due_at']).toBe(2_000_000_001);
    expect(() => other.db.exec('UPDATE messages SET due_at = 5')).toThrow('_ask_in_control');
  });

  it('a save of a whole row with an old revision does not lower it, so that a copy with a later one does not pass for the daemon', () => {
    const { other } = inState('delivered');
    execAsDaemon(other.db, `UPDATE messages SET state = 'delivered'`);
    const { revision } = other.message(1);
    other.db.exec(`UPDATE messages SET revision = 0, reference = 'r'`);
    expect(() =>
      other.db.exec(`UPDATE messages SET state = 'queued', revision = ${String(revision)}`),
    ).toThrow('state_is_changed_by_the_daemon_ask_in_control');
  });

  it.each([14, 15])(
    'a save of a whole row by a client that writes %i digits of a number changes none',
    (digits) => {
      for (const state of STATES) {
        const { other } = inState(state);
        execAsDaemon(
          other.db,
          `UPDATE messages SET next_attempt_at = 1790000000.1234567, due_at = 1790000000.1234567, price = 0.1 + 0.2,
          send_at = 1790000000.1234567, expires_at = 1790000000.1234567`,
        );
        const before = other.message(1);
        const fractions = ['next_attempt_at', 'due_at', 'price', 'send_at', 'expires_at'];
        other.db.exec(
          `UPDATE messages SET reference = 'r', ${fractions.map((c) => `${c} = printf('%.${digits}g', ${c})`).join()}`,
        );
        const { send_at, expires_at } = other.message(1);
        expect(send_at).toBeCloseTo(1_790_000_000.1234567, 3);
        const number = expect.any(Number) as number;
        expect(other.message(1)).toEqual({
          ...{ ...before, send_at, expires_at, reference: 'r', revision: number },
          ...(state === 'queued' ? { due_at: number } : {}),
        });
        expect(() => other.db.exec('UPDATE messages SET price = price + 0.01')).toThrow('_ask_in');
      }
    },
  );

  it('a save of a whole row that raises revision is obeyed', () => {
    const { other, id } = inState('delivered');
    other.db.exec(`UPDATE messages SET state = 'queued', revision = revision + 1`);
    expect(other.message(id)['state']).toBe('queued');
  });
});

describe('an application', () => {
  it.each(STATES)('an application may change the reference of a message that is %s', (state) => {
    const { other, id } = inState(state);
    other.db.exec(`UPDATE messages SET reference = 'order-10'`);
    expect(other.message(id)['reference']).toBe('order-10');
  });

  const CHANGES: Readonly<Record<(typeof BEFORE_THE_FIRST_ATTEMPT)[number], string>> = {
    text: `text = 'Tomorrow'`,
    body: `body = '02', type = 'binary', text = NULL`,
    udh: `udh = '02', body = '02', type = 'binary', text = NULL`,
    type: `type = 'unicode'`,
    message_class: 'message_class = 1',
    sender: `sender = 'Other'`,
    account: `account = 'other'`,
    campaign: `campaign = 'autumn'`,
    priority: 'priority = 9',
    send_at: 'send_at = 2000000000',
    expires_at: 'expires_at = 2000000000',
    on_uncertain: `on_uncertain = 'hold'`,
    entity_id: `entity_id = '1'`,
    content_id: `content_id = '1'`,
    account_ref: `account_ref = '1'`,
  };

  it.each(Object.entries(CHANGES))(
    'an application may change %s while the message is queued and was never attempted, and not after',
    (_column, change) => {
      const { other, id } = inState('queued', 0);
      other.db.exec(`UPDATE messages SET ${change}`);
      expect(other.message(id)['revision']).toBeLessThan(3);
      for (const state of STATES) {
        const later = inState(state);
        expect(() => later.other.db.exec(`UPDATE messages SET ${change}`)).toThrow(
          '_changes_only_before_the_first_attempt',
        );
      }
    },
  );

  it('an application never changes recipient, id and key', () => {
    const { other, id } = inState('queued', 0);
    const change = (set: string) => () => other.db.exec(`UPDATE messages SET ${set}`);
    expect(change(`recipient = '447700900001'`)).toThrow('recipient_never_changes');
    expect(change('id = 77')).toThrow('id_and_idempotency_key_never_change');
    expect(change(`idempotency_key = 'k'`)).toThrow('id_and_idempotency_key_never_change');
    expect(other.message(id)['recipient']).toBe('447700900000');
  });

  it.each(STATES)('an application may delete a message that is %s only if it is final', (state) => {
    const { other, id } = inState(state);
    const remove = () => other.db.prepare('DELETE FROM messages WHERE id = ?').run(id);
    if (FINAL.includes(state)) expect(remove().changes).toBe(1);
    else expect(remove).toThrow('message_in_progress_is_not_deleted_cancel_it_in_control');
  });

  it('an application may delete a queued message that was never attempted', () => {
    const { other, id } = inState('queued', 0);
    expect(other.db.prepare('DELETE FROM messages WHERE id = ?').run(id).changes).toBe(1);
  });
});

describe('created_at and updated_at', () => {
  it.each([`'2026-11-23 09:15:02'`, `'now'`, '5', `x'00'`, '9e999', 'NULL', '1795425302000'])(
    'created_at and updated_at that a writer inserts as %s are neither refused nor kept',
    (value) => {
      const { other } = setup();
      const before = Date.now() / 1000;
      other.db.exec(`INSERT INTO messages (recipient, text, created_at, updated_at, send_at)
        VALUES ('447700900000', 'x', ${value}, ${value}, 2000000000)`);
      const row = other.message(1);
      for (const at of [row['created_at'], row['updated_at']]) {
        expect(at).toBeGreaterThan(before - 1);
        expect(at).toBeLessThan(Date.now() / 1000 + 1);
      }
      expect(row['due_at']).toBe(2_000_000_000);
    },
  );

  it.each([`'2026-11-23 09:15:02'`, `x'00'`, 'NULL', '1'])(
    'created_at and updated_at that a writer updates to %s are as the daemon wrote them, and what else it writes is kept',
    (value) => {
      const { other, id } = inState('delivered');
      const { created_at, updated_at } = other.message(id);
      other.db.exec(
        `UPDATE messages SET updated_at = ${value}, created_at = ${value}, reference = 'new'`,
      );
      expect(other.message(id)).toMatchObject({ created_at, updated_at, reference: 'new' });
    },
  );

  it('created_at and updated_at that are text already are dates after the next update', () => {
    const { other, id } = inState('delivered');
    execAsDaemon(other.db, `UPDATE messages SET updated_at = 'yesterday', created_at = x'00'`);
    other.db.exec(`UPDATE messages SET updated_at = 'today'`);
    expect(other.all(`SELECT typeof(updated_at) u, typeof(created_at) c FROM messages`)).toEqual([
      { u: 'real', c: 'real' },
    ]);
    expect(Number(other.message(id)['updated_at'])).toBeGreaterThan(1_700_000_000);
  });
});

describe('a used key', () => {
  const insert = (verb: string, key: string, tail = ''): string =>
    `${verb} INTO messages (recipient, text, idempotency_key) VALUES ('447700900000', 'again', '${key}') ${tail}`;

  it('a used key has one name, whether its message is there or was deleted', () => {
    const { other } = setup();
    other.drop({ idempotency_key: 'k' });
    const again = () => other.db.exec(insert('INSERT', 'k'));
    expect(again).toThrow('idempotency_key_is_used_once');
    other.db.exec('DELETE FROM messages');
    expect(again).toThrow('idempotency_key_is_used_once');
  });

  it('a used key has the same name after VACUUM, with its message there', () => {
    const { other, spool } = setup();
    spool.close();
    other.drop({ idempotency_key: 'k' });
    other.db.exec('VACUUM');
    expect(() => other.db.exec(insert('INSERT', 'k'))).toThrow('idempotency_key_is_used_once');
  });

  it('a used key is met by ON CONFLICT(idempotency_key), whose target a named unique index is', () => {
    const { other } = setup();
    const id = other.drop({ idempotency_key: 'k' });
    other.db.exec(insert('INSERT', 'k', 'ON CONFLICT(idempotency_key) DO NOTHING'));
    other.db.exec(insert('INSERT OR IGNORE', 'k'));
    other.db.exec(
      insert('INSERT', 'k', `ON CONFLICT(idempotency_key) DO UPDATE SET text = excluded.text`),
    );
    expect(other.all('SELECT id, text FROM messages')).toEqual([{ id, text: 'again' }]);
    expect(
      other.all(
        `SELECT l.name, i.name AS column FROM pragma_index_list('messages') l, pragma_index_info(l.name) i
          WHERE l."unique" = 1 AND l.partial = 0`,
      ),
    ).toEqual([{ name: 'messages_idempotency_key', column: 'idempotency_key' }]);
  });
});
