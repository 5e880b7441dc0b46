import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KEY_NAMES, KEYS } from '../../src/config/keys.ts';
import type { KeyTable } from '../../src/config/tables.ts';
import { setup } from './setup.ts';

const EXAMPLE = readFileSync(new URL('../../config/sms-spoold.toml', import.meta.url), 'utf8');
/** The same with the keys that are only shown switched on. */
const SWITCHED_ON = EXAMPLE.replaceAll(/^# (?=\[accounts|\[\[|[a-z_0-9]+ = )/gm, '');
const ENV = { VONAGE_API_SECRET: 's3cret' };
const BARE = '[accounts.main]\napi_key = "abcd1234"\napi_secret = { env = "VONAGE_API_SECRET" }\n';

describe('the example configuration', () => {
  it('loads without a warning and changes no default', () => {
    const { loadText } = setup();
    const example = loadText(EXAMPLE, ENV);
    expect(example).toEqual(loadText(BARE, ENV));
    expect(example.warnings).toEqual([]);
  });

  it('loads with the keys switched on that it only shows', () => {
    const { loadText, write } = setup();
    write('signature-secret', 'signing\n');
    write('receipt-secret', 'checking\n');
    write('notify-secret', 'telling\n');
    expect(loadText(SWITCHED_ON, ENV)).toMatchObject({
      accounts: [
        {
          signature: { method: 'sha256', secret: 'signing' },
          sender: 'AcmeInc',
          rate: 30,
          senders: new Map([['12015550123', { rate: 1 }]]),
          nested: {
            account: { perSecond: 30, windows: [], per: 'request', zone: 'UTC' },
            groups: [
              {
                name: 'campaign',
                senders: ['12015550123', '12015550124'],
                perSecond: 4,
                windows: [{ count: 2_000, span: 'day' }],
                per: 'part',
                zone: 'America/New_York',
              },
            ],
          },
        },
      ],
      receipts: {
        signatureSecrets: ['checking'],
        resend: { codes: new Set([2, 7, 8]), afterMs: 900_000, times: 1 },
      },
      notify: { url: 'https://app.example.com/sms-events', secret: 'telling', timeoutMs: 10_000 },
      quiet: [
        {
          fromMinutes: 1_260,
          toMinutes: 480,
          zone: 'Europe/London',
          prefixes: ['44'],
          belowPriority: 7,
        },
      ],
      safety: {
        perRecipient: { messages: 5, windowMs: 3_600_000 },
        collapseMs: 600_000,
        spendPerDay: 50,
        zone: 'UTC',
        minBalance: 5,
      },
      classify: new Map([[29, 'retry']]),
      log: { file: '/var/log/sms-spoold/status.log' },
    });
  });

  it('the example configuration has every key of the key table and no other', () => {
    expect([...listWritten(SWITCHED_ON).keys()].sort()).toEqual([...KEY_NAMES].sort());
  });

  it('the example configuration writes every default as the key table does', () => {
    const written = listWritten(EXAMPLE);
    const scalars = listFallbacks(KEYS).filter(([, { length }]) => length > 0);
    expect(scalars.length).toBeGreaterThan(20);
    expect(scalars.map(([name]) => [name, written.get(name)])).toEqual(scalars);
  });

  it('comments every key', () => {
    const lines = SWITCHED_ON.split('\n');
    const bare = lines.filter(
      (line, index) => /^[a-z_]+ = /.test(line) && lines[index - 1]?.startsWith('# ') !== true,
    );
    expect(bare).toEqual([]);
  });
});

/** Dotted key → value as written ('' for tables); `*` for names that the operator chooses. */
function listWritten(text: string): ReadonlyMap<string, string> {
  const written = new Map<string, string>();
  let table = '';
  for (const line of text.split('\n')) {
    const header = /^\[{1,2}([^[\]]*)\]{1,2}$/.exec(line)?.[1];
    if (header !== undefined) {
      table = header.replace('accounts.main', 'accounts.*').replace(/(senders|groups)\..*/, '$1.*');
      written.set(table.replace(/\.\*$/, ''), '');
    }
    const [, name, value] = /^([a-z_]+) = (.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    written.set(`${table}.${name}`, value);
    const isInline = name === 'signature' || name === 'resend';
    const inline = isInline ? value.matchAll(/([a-z]+) = (?="|\[|\d|\{ file)/g) : [];
    for (const [, each] of inline) {
      if (each !== 'file') written.set(`${table}.${name}.${each}`, '');
    }
  }
  return written;
}

/** Dotted key → default as TOML writes it, '' where there is none or where it is a table. */
function listFallbacks(keys: KeyTable, prefix = ''): readonly (readonly [string, string])[] {
  return Object.entries(keys).flatMap(([name, { kind, fallback }]) => {
    const path = `${prefix}${name}`;
    const isScalar = fallback !== undefined && typeof fallback !== 'object';
    // A table that may be absent has defaults only where it is given.
    const within = fallback === null ? null : kind.keys;
    const below =
      within === null ? [] : listFallbacks(within, `${path}${kind.isNamed ? '.*' : ''}.`);
    return [[path, isScalar ? JSON.stringify(fallback) : ''] as const, ...below];
  });
}
