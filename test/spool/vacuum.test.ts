/** When a spool is vacuumed, and what is said when it is not. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openSpool } from '../../src/spool/file/open.ts';
import { vacuum } from '../../src/spool/file/wal.ts';
import { openHandle, setup } from '../support/spool.ts';

const TEXT = 'a text that is to be forgotten';

describe('a vacuum', () => {
  it('a vacuum leaves no byte of a deleted text, and every other row', () => {
    const { path, other } = setup();
    other.db.pragma('secure_delete = OFF');
    const kept = other.drop({ text: 'kept' });
    const id = other.drop({ text: TEXT });
    other.db.prepare('DELETE FROM messages WHERE id = ?').run(id);
    other.db.pragma('wal_checkpoint(TRUNCATE)');
    expect(readFileSync(path, 'latin1')).toContain(TEXT);
    expect(vacuum(other.db, path)).toBeNull();
    expect(readFileSync(path, 'latin1')).not.toContain(TEXT);
    expect(readFileSync(`${path}-wal`, 'latin1')).toBe('');
    expect(other.message(kept)['text']).toBe('kept');
  });

  it('a vacuum is not done while another program holds the write lock', () => {
    const { path, other } = setup();
    const { db } = openHandle(path, 0);
    other.db.exec('BEGIN IMMEDIATE');
    expect(vacuum(db, path)).toBe('busy');
    other.db.exec('ROLLBACK');
    expect(vacuum(db, path)).toBeNull();
  });

  it('a vacuum says that another program still reads the old -wal', () => {
    const { path } = setup();
    const { db } = openHandle(path, 0);
    const reader = openSpool(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM messages').get();
    expect(vacuum(db, path)).toBe('wal-in-use');
    reader.exec('ROLLBACK');
    reader.close();
  });
});
