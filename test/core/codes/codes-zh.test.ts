/** The Chinese explanations: complete, in Chinese, and about the same codes as the English ones. */
import { describe, expect, it } from 'vitest';
import { HTTP_ZH, RECEIPT_ZH, STATUS_ZH, UNKNOWN_ZH } from '../../../src/core/codes/codes-zh.ts';
import {
  explainCode,
  explainCodes,
  explainHttp,
  explainHttpStatus,
  explainReceiptCode,
  explainReceiptCodes,
  languageNamed,
  languageOf,
} from '../../../src/core/answer/explain.ts';
import { HTTP_CODES, STATUS_CODES } from '../../../src/core/codes/status-codes.ts';
import { RECEIPT_CODES } from '../../../src/core/codes/receipt-codes.ts';
import { HTTP_RULES } from '../../../src/core/answer/classification-rules.ts';

const NONE = new Map<number, never>();

describe('the explanations in Chinese', () => {
  it('the explanations in Chinese are there for every status, HTTP rule and receipt code, and for no other', () => {
    const sorted = (keys: readonly (string | number)[]) => keys.map(String).toSorted();
    expect(sorted(Object.keys(STATUS_ZH))).toEqual(sorted(STATUS_CODES.map(({ code }) => code)));
    expect(sorted(Object.keys(RECEIPT_ZH))).toEqual(sorted(RECEIPT_CODES.map(({ code }) => code)));
    expect(sorted(Object.keys(HTTP_ZH))).toEqual(sorted(HTTP_RULES.map(({ label }) => label)));
    expect(HTTP_CODES.map(({ label }) => label)).toEqual(HTTP_RULES.map(({ label }) => label));
  });

  it('the explanations in Chinese are whole Chinese sentences with full-width marks', () => {
    const all = [STATUS_ZH, HTTP_ZH, RECEIPT_ZH].flatMap((table) => Object.values(table));
    for (const { meaning, remedy } of [...all, UNKNOWN_ZH]) {
      for (const sentence of [meaning, remedy]) {
        expect(sentence).toMatch(/\p{sc=Han}.*。$/u);
        expect(sentence).not.toMatch(/\p{sc=Han}[,.;:?!()]|[,;:?!()]\p{sc=Han}/u);
      }
    }
  });

  it('keep every key, command and number that the English sentence names', () => {
    const chinese = [
      ...explainCodes(NONE, 'zh'),
      ...explainHttp('zh'),
      ...explainReceiptCodes('zh'),
    ];
    const english = [...explainCodes(NONE), ...explainHttp(), ...explainReceiptCodes()];
    const namesIn = (text: string) => text.match(/\b[a-z]+_[a-z_]+\b|sms-spoold \w+|\d+/g) ?? [];
    for (const [index, { meaning, remedy }] of english.entries()) {
      const words = `${chinese[index]?.meaning ?? ''}${chinese[index]?.remedy ?? ''}`;
      for (const name of namesIn(`${meaning} ${remedy}`)) expect(words).toContain(name);
    }
  });

  it('say what the daemon does in Chinese, and keep names, routes and scopes', () => {
    for (const row of [...explainCodes(NONE, 'zh'), ...explainHttp('zh')]) {
      expect(row.follows).toMatch(/^\p{sc=Han}.*。$/u);
    }
    const { name, route, scope } = explainCode(9, NONE);
    expect(explainCode(9, NONE, 'zh')).toMatchObject({ name, route, scope });
    expect(explainCode(77, NONE, 'zh')).toMatchObject(UNKNOWN_ZH);
    expect(explainReceiptCode(77, 'zh')).toMatchObject(UNKNOWN_ZH);
  });
});

describe('an HTTP status', () => {
  it.each([
    [200, '2xx'],
    [302, '3xx'],
    [401, '401'],
    [418, '4xx'],
    [503, '5xx'],
    [599, '5xx'],
    [29, null],
    [600, null],
  ])('%i is explained by the rule %s', (status, label) => {
    expect(explainHttpStatus(status)?.label ?? null).toBe(label);
  });
});

it.each([
  [{}, 'en'],
  [{ LANG: 'zh_CN.UTF-8' }, 'zh'],
  [{ LANG: 'en_GB.UTF-8', LC_MESSAGES: 'zh_CN' }, 'zh'],
  [{ LANG: 'zh_CN.UTF-8', LC_ALL: 'C.UTF-8' }, 'en'],
  [{ LANG: 'zh_CN.UTF-8', LC_ALL: '' }, 'zh'],
  [{ LC_ALL: 'zh' }, 'zh'],
  [{ LANG: 'zha_CN' }, 'en'],
] as const)('the locale %j asks for %s', (env, language) => {
  expect(languageOf(env)).toBe(language);
});

it.each([
  ['zh', 'zh'],
  ['zh-Hans-CN', 'zh'],
  ['ZH_CN', 'zh'],
  ['en', 'en'],
  ['de', null],
])('the language %s is %s', (name, language) => {
  expect(languageNamed(name)).toBe(language);
});
