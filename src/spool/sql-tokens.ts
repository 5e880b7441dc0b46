/**
 * Splits an SQL statement into tokens, so that two statements can be compared without their layout: white space,
 * comments and the case of keywords and names do not count.
 *
 * It knows as much of SQLite's syntax as the schema of a spool uses. Whatever it cannot read becomes a token of its
 * own, so that unknown syntax makes two statements differ and never equal.
 */

/* In this order: comments and white space, text, quoted names, words and numbers, operators, any other character. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[ \t\n\f\r]+|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$.\u0080-\uffff]+|<>|<=|>=|==|!=|\|\||<<|>>|->>?|[\s\S]/g;

const IS_SPACE = /^(?:--|\/\*|[ \t\n\f\r])/;

/**
 * The tokens of `sql`. A quoted name that is in `names` becomes the bare name: both mean the same there. Text in
 * single quotes stays as it is.
 */
export function tokensOf(sql: string, names: ReadonlySet<string>): readonly string[] {
  const tokens: string[] = [];
  for (const [token] of sql.matchAll(TOKEN)) {
    if (!IS_SPACE.test(token)) tokens.push(token.startsWith("'") ? token : plain(token, names));
  }
  return tokens;
}

function plain(token: string, names: ReadonlySet<string>): string {
  const isQuoted = token.length > 1 && /^["`[]/.test(token);
  if (!isQuoted) return lowerCase(token);
  const name = lowerCase(token.slice(1, -1));
  return names.has(name) ? name : token;
}

/** Lower case as SQLite has it for names: of ASCII letters only. */
export function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
