import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openSpool } from '../../../src/spool/file/open.ts';
import { Suppressions, type Suppression } from '../../../src/spool/write/suppressions.ts';
import { NOW, setup } from '../../support/spool.ts';

const INSERT = 'INSERT INTO suppressions (recipient, reason, since) VALUES (?, ?, ?)';

describe('the list', () => {
  it('the list knows a recipient with and without its plus sign, whichever way it was written', () => {
    const { other, spool, commit } = setup();
    other.db.prepare(INSERT).run('447700900001', null, NOW);
    other.db.prepare(INSERT).run('+447700900002', null, NOW);
    commit(() => spool.suppressions.add('+447700900003', 'operator', NOW));
    for (const digits of ['447700900001', '447700900002', '447700900003']) {
      expect(spool.suppressions.has(digits)).toBe(true);
      expect(spool.suppressions.has(`+${digits}`)).toBe(true);
    }
    expect(spool.suppressions.has('447700900004')).toBe(false);
    expect(spool.suppressions.has('44770090000')).toBe(false);
  });

  it('the list stores digits', () => {
    const { other, spool, commit } = setup();
    commit(() => spool.suppressions.add('+447700900001', 'number-barred', NOW));
    expect(other.all('SELECT * FROM suppressions')).toEqual([
      { recipient: '447700900001', reason: 'number-barred', since: NOW },
    ]);
  });

  it.each(['447700900001', '+447700900001', '00447700900001', '+44 (0)7700-900 001'])(
    'the list keeps the first reason and date of a recipient that was written as %s',
    (written) => {
      const { other, spool, commit } = setup();
      other.db.prepare(INSERT).run(written, 'asked by phone', NOW);
      const first = { recipient: '447700900001', reason: 'asked by phone', since: NOW };
      for (const again of ['447700900001', '+447700900001', '00447700900001']) {
        expect(commit(() => spool.suppressions.add(again, 'operator', NOW + 5))).toBe(false);
        expect(spool.suppressions.find(again)).toEqual(first);
      }
      expect(other.all('SELECT * FROM suppressions')).toEqual([first]);
    },
  );

  it('the list forgets a recipient in both forms, and says whether it was there', () => {
    const { other, spool, commit } = setup();
    other.db.prepare(INSERT).run('447700900001', null, NOW);
    other.db.prepare(INSERT).run('+447700900001', null, NOW + 1);
    other.db.prepare(INSERT).run('447700900002', null, NOW);
    expect(spool.suppressions.find('447700900001')?.since).toBe(NOW);
    expect(commit(() => spool.suppressions.remove('+447700900001'))).toBe(true);
    expect(spool.suppressions.has('447700900001')).toBe(false);
    expect(spool.suppressions.find('447700900001')).toBeNull();
    expect(commit(() => spool.suppressions.remove('447700900001'))).toBe(false);
    expect(spool.suppressions.has('447700900002')).toBe(true);
  });

  it('the list is empty until somebody is on it, as seen by a transaction that begins afterwards', () => {
    const { other, spool, commit } = setup();
    expect(commit(() => spool.suppressions.isEmpty())).toBe(true);
    const operator = new Suppressions(other.db);
    operator.add('447700900001', 'operator', NOW);
    expect(commit(() => spool.suppressions.isEmpty())).toBe(false);
    operator.remove('447700900001');
    expect(commit(() => spool.suppressions.isEmpty())).toBe(true);
  });

  it('the list takes back with the transaction what it added', () => {
    const { spool } = setup();
    const failing = (): unknown =>
      spool.transaction(() => {
        spool.suppressions.add('447700900001', 'operator', NOW);
        expect(spool.suppressions.has('447700900001')).toBe(true);
        throw new Error('rolled back');
      });
    expect(failing).toThrow('rolled back');
    expect(spool.suppressions.isEmpty()).toBe(true);
  });

  it('the list can be read where nothing may be written', () => {
    const { path, spool, commit } = setup();
    commit(() => spool.suppressions.add('447700900001', 'operator', NOW));
    const db = openSpool(path, { readonly: true });
    expect(new Suppressions(db).list({ limit: 10, after: null })).toHaveLength(1);
    db.close();
  });

  it('the list asks by key, not by looking through', () => {
    const { other } = setup();
    const plan = other.all(
      `EXPLAIN QUERY PLAN SELECT 1 FROM suppressions WHERE recipient = ?
        UNION ALL SELECT 1 FROM suppressions WHERE recipient = ? LIMIT 1`,
      '447700900001',
      '+447700900001',
    );
    const details = plan.map(({ detail }) => String(detail)).join('\n');
    expect(details.match(/SEARCH suppressions USING PRIMARY KEY \(recipient=\?\)/g)).toHaveLength(
      2,
    );
    expect(details).not.toContain('SCAN');
  });
});

function pages(list: Suppressions, limit: number): readonly Suppression[] {
  const all: Suppression[] = [];
  for (let after: Suppression | null = null; ;) {
    const page: readonly Suppression[] = list.list({ limit, after });
    all.push(...page);
    after = page.at(-1) ?? null;
    if (after === null) return all;
  }
}

describe('pages of the list', () => {
  it('come newest first and hold everybody once, however long they are', () => {
    const { other } = setup();
    const list = new Suppressions(other.db);
    /* Few dates, so that pages end among equal ones. */
    const rows = fc.uniqueArray(
      fc.record({ recipient: fc.integer({ min: 1e9, max: 2e9 }), since: fc.nat(3) }),
      { selector: ({ recipient }) => recipient, maxLength: 12 },
    );
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (some, limit) => {
        other.db.exec('DELETE FROM suppressions');
        for (const { recipient, since } of some) list.add(String(recipient), null, NOW + since);
        const found = pages(list, limit);
        const sinces = found.map(({ since }) => since);
        expect(sinces).toEqual(sinces.toSorted((a, b) => b - a));
        expect(found.map(({ recipient }) => Number(recipient)).toSorted()).toEqual(
          some.map(({ recipient }) => recipient).toSorted(),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('suppressions keep what operators wrote in another form', () => {
    const { other } = setup();
    other.db.exec(`INSERT INTO suppressions (recipient, reason, since) VALUES
      (447700900001, x'6162', 'yesterday'), (x'00ff', NULL, ${NOW}), ('', NULL, x'01'), ('no number', 7, 9e999)`);
    const found = pages(new Suppressions(other.db), 1);
    expect(found.map(({ recipient }) => recipient)).toEqual(['', '447700900001', 'no number']);
    expect(found.map(({ reason }) => reason)).toEqual([null, 'ab', '7']);
  });
});
