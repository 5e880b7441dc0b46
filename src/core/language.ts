/** The languages that codes are explained in, and the one that the environment asks for. Pure. */
export const LANGUAGES = ['en', 'zh'] as const;

export type Language = (typeof LANGUAGES)[number];

/** The language of messages as POSIX has it: the first of LC_ALL, LC_MESSAGES and LANG that is set. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const set = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']];
  return languageNamed(set.find((value) => value !== undefined && value !== '') ?? '') ?? 'en';
}

/** `zh`, `zh_CN.UTF-8`, `zh-Hans`, `en_GB`; null = none of ours. */
export function languageNamed(name: string): Language | null {
  const [first = ''] = name.toLowerCase().split(/[_.@-]/);
  return LANGUAGES.find((language) => language === first) ?? null;
}
