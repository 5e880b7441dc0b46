import { expect, it } from 'vitest';
import type { SourceHead } from '../../../src/spool/write/sources.ts';
import { NOW, setup } from '../../support/spool.ts';

const shown = ({ account, sender, campaign, head }: SourceHead): string =>
  [account, sender, campaign, head.id].map((part) => part ?? '-').join(' ');

it('the reader of sources finds every source with a ready row, each with the row that goes next', () => {
  const { other, spool, claim } = setup();
  const plain = other.drop();
  other.drop({ sender: 'B', campaign: 'x' });
  const urgent = other.drop({ sender: 'B', campaign: 'x', priority: 9 });
  const second = other.drop({ sender: 'B', campaign: 'y' });
  const dated = other.drop({ account: 'eu', sender: 'A', expires_at: NOW });
  other.drop({ account: 'eu', sender: 'A' });
  other.drop({ account: 'us', send_at: NOW + 100 });
  claim(other.drop({ account: 'us', sender: 'Z' }));
  expect([...spool.sources.scan(100, [null, 'eu'])].map(shown)).toEqual([
    `- - - ${plain}`,
    `eu A - ${dated}`,
    `- B x ${urgent}`,
    `- B y ${second}`,
  ]);
  expect([...spool.sources.scan(2, [null, 'eu'])]).toHaveLength(2);
});

it('many sources of one sender, or of accounts that nobody knows, do not hide those of others', () => {
  const { other, spool } = setup();
  for (let index = 0; index < 30; index += 1) {
    other.drop({ sender: 'A', campaign: `c${index}` });
    other.drop({ account: `unknown${index}`, sender: 'A' });
  }
  const behind = other.drop({ sender: 'B' });
  const elsewhere = other.drop({ account: 'eu', sender: 'Z' });
  const found = [...spool.sources.scan(6, [null, 'eu'])].map(({ head }) => head.id);
  expect(found).toHaveLength(6);
  expect(found).toContain(behind);
  expect(found).toContain(elsewhere);
});

it('the reader of sources gives new rows in the order of their ids, whatever they wait for', () => {
  const { other, spool } = setup();
  const first = other.drop();
  const scheduled = other.drop({ send_at: NOW + 100 });
  const third = other.drop({ priority: 7 });
  expect(spool.sources.newRows(first, 10)).toMatchObject([
    { id: scheduled, dueAt: NOW + 100, state: 'queued' },
    { id: third, rank: 9, dueAt: null },
  ]);
  expect(spool.sources.newRows(0, 2)).toHaveLength(2);
  expect(spool.sources.newRows(third, 2)).toEqual([]);
});

it('the reader of sources knows the highest id ever given, also of rows that were pruned', () => {
  const { other, spool } = setup();
  expect(spool.sources.lastId()).toBe(0);
  const id = other.drop();
  other.db.exec('DELETE FROM messages');
  expect(spool.sources.lastId()).toBe(id);
});

it('the reader of sources knows the head of one source, or that it has none', () => {
  const { other, spool } = setup();
  const id = other.drop({ campaign: 'x' });
  const source = { account: null, sender: null, campaign: 'x' };
  expect(spool.sources.head(source)?.id).toBe(id);
  expect(spool.sources.head({ ...source, campaign: null })).toBeNull();
});
