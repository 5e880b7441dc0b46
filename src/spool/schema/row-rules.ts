/**
 * Lists the rules for what an application writes into `messages`, and makes the triggers that hold them.
 *
 * The rules are triggers and no CHECKs: `INSERT OR IGNORE` silently skips a row that a CHECK refuses, and a client can
 * switch CHECKs off. They use only functions that SQLite 3.31 knows. An UPDATE is judged by what it changes, so that a
 * row from before a rule can still be worked with.
 */
import { INVISIBLE } from '../../core/message/characters.ts';
import { NOT_RAISED } from './sql-terms.ts';

/** Bytes that a text column may hold at most. */
export const BYTES_MAX = {
  text: 12_800,
  account: 400,
  campaign: 800,
  reference: 1_000,
  idempotency_key: 500,
  entity_id: 200,
  content_id: 200,
  account_ref: 400,
} as const;

/** Bytes of columns that another rule keeps short, as far as they are read. */
export const RECIPIENT_MAX = 100;
export const SENDER_MAX = 100;
export const TYPE_MAX = 100;
/** Hexadecimal digits of a body, and of a udh. */
export const OCTETS_MAX = 280;

/** Characters of a text: the gateway refuses more. */
export const TEXT_MAX = 3_200;

export interface RowRule {
  /** A change of one of these makes an UPDATE be judged. */
  readonly columns: readonly string[];
  /** True for a bad value; NULL counts as good. In BEFORE triggers a column with a default may be NULL. */
  readonly bad: string;
  /** The name that a bad value gets: the first whose condition holds; the last has none. */
  readonly names: readonly (readonly [when: string | null, name: string])[];
}

const rule = (columns: readonly string[], bad: string, name: string): RowRule => ({
  columns,
  bad,
  names: [[null, name]],
});

const digits = (value: string): string => `${value} NOT GLOB '*[^0-9]*'`;
/* length and GLOB stop at a NUL. */
const hasNul = (value: string): string => `instr(${value}, char(0)) > 0`;
const bytes = (value: string): string => `length(CAST(${value} AS BLOB))`;
const isBlob = (value: string): string => `typeof(${value}) = 'blob'`;
/* A text column stores a floating-point number as the text that SQLite makes of it: 447700900000.0. */
const isNumber = (value: string): string =>
  `${value} = CAST(CAST(${value} AS REAL) AS TEXT) OR ${value} IN ('Inf', '-Inf')`;

const TO = 'new.recipient';
/* Without the prefix that says it is international. */
const BARE = `CASE WHEN ${TO} GLOB '+*' THEN substr(${TO}, 2) WHEN ${TO} GLOB '00*' THEN substr(${TO}, 3) ELSE ${TO} END`;

const RECIPIENT: RowRule = {
  columns: ['recipient'],
  bad: `NOT (typeof(${TO}) = 'text' AND instr(${TO}, char(0)) = 0 AND (
      (${TO} GLOB '[1-9]*' AND length(${TO}) BETWEEN 7 AND 15 AND ${digits(TO)})
      OR (${TO} GLOB '+[1-9]*' AND length(${TO}) BETWEEN 8 AND 16 AND ${digits(`substr(${TO}, 2)`)})
      OR (${TO} GLOB '00[1-9]*' AND length(${TO}) BETWEEN 9 AND 17 AND ${digits(TO)})))`,
  names: [
    [isBlob(TO), 'recipient_is_text'],
    [isNumber(TO), 'recipient_is_text_not_a_number_quote_it'],
    [
      `instr(${TO}, char(0)) = 0 AND ${BARE} GLOB '0*' AND ${digits(`(${BARE})`)}
        AND length(${BARE}) BETWEEN 7 AND 15`,
      'recipient_is_international_with_country_code',
    ],
    [null, 'recipient_is_7_to_15_digits'],
  ],
};

/* '*[^…]*': some character that can be seen. Most texts have one in ASCII. */
const codes = (text: string): readonly number[] =>
  Array.from(text, (character) => character.charCodeAt(0));
const SEEN = `char(${[
  ...codes('*[^'),
  ...INVISIBLE.flatMap(([first, last]) => [first, ...codes('-'), last]),
  ...codes(']*'),
].join(',')})`;

const TEXT: readonly RowRule[] = [
  {
    columns: ['text', 'type'],
    bad: `NOT ((typeof(new.text) = 'text' AND new.text <> '') OR (new.text IS NULL AND new.type IS 'binary'))`,
    names: [
      [isBlob('new.text'), 'text_is_text'],
      [null, 'text_is_not_empty'],
    ],
  },
  rule(['text'], hasNul('new.text'), 'text_has_no_nul'),
  rule(['text'], `new.text NOT GLOB '*[!-~]*' AND new.text NOT GLOB ${SEEN}`, 'text_is_not_blank'),
  rule(['text'], `instr(new.text, char(65533)) > 0`, 'text_has_no_replacement_character'),
  rule(['text'], `length(new.text) > ${TEXT_MAX}`, `text_is_at_most_${TEXT_MAX}_characters`),
  tooLong('text'),
];

function tooLong(column: keyof typeof BYTES_MAX): RowRule {
  const most = BYTES_MAX[column];
  return rule(
    [column],
    `${bytes(`new.${column}`)} > ${most}`,
    `${column}_is_at_most_${most}_bytes`,
  );
}

const SENDER: RowRule = {
  columns: ['sender'],
  bad: `new.sender IS NOT NULL AND NOT (typeof(new.sender) = 'text' AND instr(new.sender, char(0)) = 0 AND (
      (length(new.sender) BETWEEN 1 AND 15 AND ${digits('new.sender')})
      OR (length(new.sender) BETWEEN 1 AND 11 AND new.sender NOT GLOB '*[^0-9A-Za-z]*')))`,
  names: [
    [isBlob('new.sender'), 'sender_is_text'],
    [isNumber('new.sender'), 'sender_is_text_not_a_number_quote_it'],
    [null, 'sender_is_15_digits_or_11_letters_and_digits'],
  ],
};

function name(column: 'account' | 'campaign', most: number): readonly RowRule[] {
  const value = `new.${column}`;
  return [
    {
      columns: [column],
      bad: `${value} IS NOT NULL AND (typeof(${value}) <> 'text' OR ${hasNul(value)}
        OR length(${value}) NOT BETWEEN 1 AND ${most})`,
      names: [
        [isBlob(value), `${column}_is_text`],
        [null, `${column}_is_a_name`],
      ],
    },
    tooLong(column),
  ];
}

const hex = (column: 'body' | 'udh'): RowRule =>
  rule(
    [column],
    `new.${column} IS NOT NULL AND NOT (typeof(new.${column}) = 'text' AND length(new.${column}) % 2 = 0
      AND instr(new.${column}, char(0)) = 0 AND new.${column} NOT GLOB '*[^0-9A-Fa-f]*')`,
    `${column}_is_hex`,
  );

const TYPE = rule(
  ['type'],
  `new.type <> 'auto' AND new.type <> 'text' AND new.type <> 'unicode' AND new.type <> 'binary'`,
  'type_is_auto_text_unicode_or_binary',
);

const BINARY: readonly RowRule[] = [
  hex('body'),
  hex('udh'),
  rule(
    ['body', 'udh'],
    `${bytes(`coalesce(new.body, '')`)} + ${bytes(`coalesce(new.udh, '')`)} > ${OCTETS_MAX}`,
    'body_and_udh_are_at_most_140_octets',
  ),
  rule(
    ['type', 'body'],
    `new.type IS 'binary' AND length(coalesce(new.body, '')) = 0`,
    'binary_has_a_body',
  ),
  rule(
    ['type', 'body', 'udh'],
    `new.type IS NOT 'binary' AND (new.body IS NOT NULL OR new.udh IS NOT NULL)`,
    'body_and_udh_are_for_binary',
  ),
];

const instant = (column: 'send_at' | 'expires_at'): RowRule =>
  rule(
    [column],
    `new.${column} IS NOT NULL
      AND (typeof(new.${column}) <> 'real' OR new.${column} < 1e9 OR new.${column} >= 1e10)`,
    `${column}_is_unix_seconds`,
  );

const upTo = (column: 'message_class' | 'priority', most: number): RowRule =>
  rule(
    [column],
    `new.${column} IS NOT NULL
      AND (typeof(new.${column}) <> 'integer' OR new.${column} NOT BETWEEN 0 AND ${most})`,
    `${column}_is_0_to_${most}`,
  );

function words(
  column: 'reference' | 'idempotency_key' | 'entity_id' | 'content_id' | 'account_ref',
): readonly RowRule[] {
  const bad = `new.${column} IS NOT NULL AND typeof(new.${column}) <> 'text'`;
  return [rule([column], bad, `${column}_is_text`), tooLong(column)];
}

/** In the order in which they are tried: of two that a row breaks, the first is named. */
export const RULES: readonly RowRule[] = [
  ...[RECIPIENT, TYPE, ...TEXT, SENDER, ...name('account', 100), ...BINARY],
  ...[upTo('message_class', 3), upTo('priority', 9), instant('send_at'), instant('expires_at')],
  rule(
    ['on_uncertain'],
    `new.on_uncertain <> 'resend' AND new.on_uncertain <> 'hold'`,
    'on_uncertain_is_resend_or_hold',
  ),
  ...[...name('campaign', 200), ...words('reference'), ...words('idempotency_key')],
  rule(['idempotency_key'], `new.idempotency_key = ''`, 'idempotency_key_is_not_empty'),
  ...[...words('entity_id'), ...words('content_id'), ...words('account_ref')],
];

const raise = (name: string): string => `RAISE(ABORT, '${name}')`;

function nameOf({ names }: RowRule): string {
  const [first] = names;
  if (names.length === 1 && first !== undefined) return raise(first[1]);
  const choices = names.map(([when, name]) =>
    when === null ? `ELSE ${raise(name)}` : `WHEN ${when} THEN ${raise(name)}`,
  );
  return `CASE ${choices.join('\n      ')} END`;
}

function changed({ columns }: RowRule): string {
  const some = columns.map((column) => `new.${column} IS NOT old.${column}`).join(' OR ');
  return columns.length === 1 ? some : `(${some})`;
}

const guarded = [...new Set(RULES.flatMap(({ columns }) => columns))];

/** What an application inserts is judged whole; an update of its columns by what it changes. */
export const RULE_TRIGGERS = `
CREATE TRIGGER messages_are_right BEFORE INSERT ON messages
BEGIN
  SELECT CASE
    ${RULES.map((one) => `WHEN ${one.bad} THEN ${nameOf(one)}`).join('\n    ')}
  END;
END;

CREATE TRIGGER messages_stay_right BEFORE UPDATE OF ${guarded.join(', ')} ON messages
WHEN ${NOT_RAISED}
BEGIN
  SELECT CASE
    ${RULES.map((one) => `WHEN ${changed(one)} AND (${one.bad}) THEN ${nameOf(one)}`).join('\n    ')}
  END;
END;
`;
