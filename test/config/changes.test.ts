import { expect, it } from 'vitest';
import { changesBetween, fixedAmong, keepFixed } from '../../src/config/changes.ts';
import { ACCOUNT, setup } from './setup.ts';

it('names what differs by the keys of the file, an account that came by its own name', () => {
  const { loadText } = setup();
  const before = loadText(ACCOUNT);
  const after = loadText(
    '[spool]\nforget_text_after = "1d"\n[receipts]\nsignature_secret = { env = "SECRET" }\n' +
      '[classify]\n29 = "retry"\n' +
      `${ACCOUNT}timeout = "1s"\n[accounts.other]\napi_key = "k"\napi_secret = { env = "SECRET" }\n`,
  );
  expect(changesBetween(before, after)).toEqual([
    'spool.forget_text_after',
    'accounts.main.timeout',
    'accounts.other',
    'receipts.signature_secret',
    'classify.29',
  ]);
});

it('keeps what only a restart changes, and names it', () => {
  const { loadText } = setup();
  const before = loadText('');
  const after = loadText('[admin]\nlisten = "127.0.0.1:9"\n[log]\nlevel = "warn"\n');
  expect(fixedAmong(changesBetween(before, after))).toEqual(['admin.listen']);
  expect(changesBetween(before, keepFixed(before, after))).toEqual(['log.level']);
});
