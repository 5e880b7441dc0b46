/**
 * Values that a column does not expect, as SQL: what a program with a mistake, or one that means harm, may write.
 */

/** What it is, and the SQL of it. */
export const ODD_VALUES: Readonly<Record<string, string>> = {
  NULL: 'NULL',
  'an empty text': `''`,
  'a BLOB': `x'ff0041'`,
  'an empty BLOB': `x''`,
  'a NUL inside': `'a' || char(0) || 'b'`,
  '1 MB': `hex(zeroblob(500000))`,
  '1 MB behind a NUL': `'a' || char(0) || hex(zeroblob(500000))`,
  'a lone surrogate': `CAST(x'eda080' AS TEXT)`,
  'invalid UTF-8': `CAST(x'ff41' AS TEXT)`,
  infinity: '9e999',
  'negative infinity': '-9e999',
  '2^63 - 1': '9223372036854775807',
  '-2^63': '-9223372036854775808',
  '2^63': '9223372036854775808',
  markup: `'<script>alert("1")</script>&amp;'`,
  ESC: `char(27) || '[31m' || char(7)`,
};
