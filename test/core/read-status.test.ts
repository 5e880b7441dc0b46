import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/cli/top/ask-daemon.ts';
import { statusWith } from '../support/status.ts';

type Json = Readonly<Record<string, unknown>>;

const WHOLE = JSON.parse(JSON.stringify(statusWith('/x', 'x'))) as Json;
const JUNK: readonly unknown[] = [
  'junk',
  null,
  1,
  true,
  [[]],
  {},
  ['junk'],
  [{}],
  Infinity,
  undefined,
];
/** Where a text or nothing at all may stand. */
const MAY_BE: Readonly<Record<string, (value: unknown) => boolean>> = {
  version: (value) => typeof value === 'string',
  spool: (value) => typeof value === 'string',
  unready: (value) => value === null || typeof value === 'string',
  is_counted: (value) => typeof value === 'boolean',
  at: (value) => value === 1,
  pid: (value) => value === 1,
  started_at: (value) => value === 1,
};

describe('the status document that top fetches', () => {
  it('a status of a daemon is taken', () => {
    expect(readStatus(WHOLE)).toEqual(WHOLE);
  });

  it.each(Object.keys(WHOLE))('junk as %s makes it no status', (key) => {
    const taken = JUNK.filter((value) => readStatus({ ...WHOLE, [key]: value }) !== null);
    expect(taken).toEqual(JUNK.filter((value) => MAY_BE[key]?.(value) === true));
  });

  it.each(['stops', 'accounts', 'lanes', 'failures'])(
    'a key less in %s makes it no status',
    (list) => {
      const [one] = WHOLE[list] as readonly [Json];
      for (const key of Object.keys(one)) {
        const rest = Object.fromEntries(Object.entries(one).filter(([name]) => name !== key));
        expect(readStatus({ ...WHOLE, [list]: [rest] })).toBeNull();
      }
    },
  );

  it('more seconds than a daemon keeps make it no status', () => {
    expect(readStatus({ ...WHOLE, answered: new Array(301).fill(0) })).toBeNull();
  });

  it.each([null, [], 'text', 1, true])('%j is no status', (document) => {
    expect(readStatus(document)).toBeNull();
  });
});
