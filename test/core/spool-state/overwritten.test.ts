// Whether something other than SQLite wrote over a spool, case by case.
import { expect, it } from 'vitest';
import { overwritten, type RawLook } from '../../../src/core/spool-state/overwritten.ts';

const INDEX = { salt: 'aa', frames: 20, copied: 10, copying: 10 };
const HEADER = { applicationId: 7, changes: 5, schemaVersion: 30 };
const LAST: RawLook = {
  ...{ before: INDEX, after: INDEX, walSalt: 'aa', header: HEADER },
  ...{ accessedNs: 1n, modifiedNs: 2n, changedNs: 2n },
};
const WRITTEN = { modifiedNs: 3n, changedNs: 3n };
const MORE = { ...INDEX, frames: 30 };
const COPIED = { ...INDEX, copied: 20, copying: 20 };
const AGAIN = { salt: 'bb', frames: 0, copied: 0, copying: 0 };

const indexed = (index: RawLook['before']): Partial<RawLook> => ({ before: index, after: index });

const CASES: readonly (readonly [string, Partial<RawLook>, ReturnType<typeof overwritten>])[] = [
  ['nothing happened', {}, null],
  ['messages were committed', indexed(MORE), null],
  ['a checkpoint copied', { ...WRITTEN, ...indexed(COPIED) }, null],
  ['a checkpoint copies', { ...WRITTEN, ...indexed({ ...INDEX, copying: 20 }) }, null],
  ['a checkpoint began during the look', { ...WRITTEN, after: COPIED }, null],
  ['the -wal began again', { ...WRITTEN, ...indexed(AGAIN), walSalt: null }, null],
  [
    'the header moved on',
    { ...WRITTEN, ...indexed(COPIED), header: { ...HEADER, changes: 6 } },
    null,
  ],
  ['it was touched', { accessedNs: 3n, ...WRITTEN }, null],
  ['it was written without a checkpoint', WRITTEN, 'spool'],
  ['it is empty', { ...WRITTEN, ...indexed(COPIED), header: null }, 'spool'],
  ['it is older', { ...WRITTEN, ...indexed(COPIED), header: { ...HEADER, changes: 4 } }, 'spool'],
  [
    'it has an older schema',
    { ...WRITTEN, ...indexed(COPIED), header: { ...HEADER, schemaVersion: 1 } },
    'spool',
  ],
  [
    'it has a schema that we do not see',
    { ...WRITTEN, ...indexed(COPIED), header: { ...HEADER, schemaVersion: 32 } },
    'spool',
  ],
  [
    'it is of another program',
    { ...WRITTEN, ...indexed(COPIED), header: { ...HEADER, applicationId: 8 } },
    'spool',
  ],
  ['the -wal was emptied', { walSalt: null }, '-wal'],
  ['the -wal is another', { walSalt: 'cc' }, '-wal'],
  ['the -wal begins again during the look', { after: AGAIN, walSalt: null }, null],
];

it.each(CASES)('%s', (_, now, expected) => {
  expect(overwritten(LAST, { ...LAST, ...now }, () => 31)).toBe(expected);
});

it('a new spool gets its header with the first checkpoint', () => {
  const last = { ...LAST, header: { applicationId: 0, changes: 1, schemaVersion: 0 } };
  expect(overwritten(last, { ...LAST, ...WRITTEN, ...indexed(COPIED) }, () => 31)).toBeNull();
});
