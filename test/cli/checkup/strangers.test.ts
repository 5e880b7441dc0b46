/** What `check` says of who may read and reach what. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/cli/checkup/check-config.ts';
import type { Finding } from '../../../src/cli/checkup/finding.ts';
import { setup } from '../../config/setup.ts';

const BARE =
  '[accounts.main]\napi_key = "abcd1234"\nsender = "A"\napi_secret = { file = "secret" }\n';

function findings(more = '', mode = 0o600): readonly Finding[] {
  const { loadText, write, folder } = setup();
  write('secret', 's3cret\n');
  chmodSync(join(folder, 'secret'), mode);
  return checkConfig(loadText(`${BARE}${more}`));
}

const about = (subject: string, found: readonly Finding[]): readonly Finding[] =>
  found.filter((one) => one.subject === subject);

describe('check', () => {
  it.each(['0.0.0.0:8027', '[::]:8027', '192.0.2.1:8027', 'sms.example.com:8027', '[::2]:8027'])(
    'check warns of admin.listen beyond loopback (%s)',
    (listen) => {
      const found = about('admin', findings(`[admin]\nlisten = "${listen}"\n`));
      expect(found).toMatchObject([{ verdict: 'warn' }]);
      expect(found[0]?.found).toContain(`admin.listen is ${listen}`);
    },
  );

  it.each(['127.0.0.1:8027', '127.8.9.1:1', 'localhost:8027', '[::1]:8027', '[0:0:0:0:0:0:0:1]:1'])(
    'check is silent about admin.listen on loopback (%s)',
    (listen) => {
      expect(about('admin', findings(`[admin]\nlisten = "${listen}"\n`))).toEqual([]);
    },
  );

  it.each([0o640, 0o620, 0o660, 0o644, 0o604])(
    'check warns of a secret file of mode %o',
    (mode) => {
      expect(about('secrets', findings('', mode))).toMatchObject([{ verdict: 'warn' }]);
    },
  );

  it.each([0o600, 0o400, 0o700])('check is silent about a secret file of mode %o', (mode) => {
    expect(about('secrets', findings('', mode))).toEqual([]);
  });
});

describe('check', () => {
  it('check warns of unsigned receipts on the default path, and says what to do', () => {
    expect(about('receipts', findings())).toMatchObject([
      { verdict: 'warn', found: expect.stringContaining('default path') as string },
    ]);
    const [other] = about('receipts', findings('[receipts]\npath = "/x1"\n'));
    expect(other?.found).not.toContain('default path');
  });
});
