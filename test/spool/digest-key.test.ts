/** H: the digests by which texts are compared are under a key that the spool does not hold. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestKeyOf } from '../../src/spool/write/recent-sends.ts';
import { OwnFolder } from '../../src/spool/file/own-folder.ts';
import { setup as daemon } from '../support/daemon.ts';
import { makeFolder, setup } from '../support/spool.ts';

const CODE = { text: 'Your code is 1234', body: null, udh: null };

function ownFolder(): OwnFolder {
  const folder = makeFolder();
  return OwnFolder.open({
    own: join(folder, 'own'),
    spool: join(folder, 'spool.db'),
    env: process.env,
  });
}

describe('a digest', () => {
  it('differs with its key and its text, and with nothing else', () => {
    const { spool } = setup();
    const [one, other] = [digestKeyOf(ownFolder()), digestKeyOf(ownFolder())];
    spool.recent.useKey(one);
    const digest = spool.recent.digestOf(CODE);
    expect(spool.recent.digestOf({ ...CODE })).toBe(digest);
    expect(spool.recent.digestOf({ ...CODE, text: 'Your code is 1235' })).not.toBe(digest);
    spool.recent.useKey(other);
    expect(spool.recent.digestOf(CODE)).not.toBe(digest);
  });

  it('a digest has the same key when the daemon comes again', () => {
    const own = ownFolder();
    expect(digestKeyOf(own)).toEqual(digestKeyOf(own));
    expect(digestKeyOf(own)).toHaveLength(32);
  });

  it('a digest keeps a text from being sent twice over a restart, and the spool cannot tell which it was', async () => {
    const bundle = await daemon({ safety: { collapseMs: 3_600_000 } });
    const first = bundle.drop({ text: CODE.text });
    await bundle.untilState(first, 'await-receipt');
    await bundle.stop();
    await bundle.start();
    await bundle.untilState(bundle.drop({ text: CODE.text }), 'permanent-failure');
    const [row] = bundle.all('SELECT digest FROM recent');
    const unkeyed = createHash('sha256').update(JSON.stringify([CODE.text, null, null]));
    expect(row?.['digest']).not.toBe(unkeyed.digest('base64url').slice(0, 22));
    const key = bundle.all(`SELECT value FROM spool`).map(({ value }) => String(value));
    expect(key.join().includes(readKey(bundle.path))).toBe(false);
  });
});

function readKey(spool: string): string {
  const own = OwnFolder.open({ own: null, spool, env: process.env });
  return own.read('digest-key') ?? '';
}
