/**
 * Formats lines of the status log for people: time, message, event, and the other fields, wrapped to the terminal.
 * Escapes foreign text. Every field is shown, in its own words or by its name.
 */
import { escapeText } from '../../core/text/escape.ts';
import { joined, safeLine, styled, type Safe, type Style } from '../../terminal/safe.ts';
import { localTime, timeSpan } from '../../terminal/times.ts';
import { wrap } from '../../terminal/wrap.ts';
import { instantOf, type LogLine } from './log-line.ts';

export interface RenderOptions {
  readonly width: number;
  readonly isColoured: boolean;
}

type LogFields = Readonly<Record<string, unknown>>;

const TIME = 8;
const ID = 7;
const WHAT = 17;
/** Only a day makes a heading, not another text that a line may have as its time. */
const DAY = /^-?\d+-\d\d-\d\d$/;
const INDENT = TIME + 1 + ID + 1 + WHAT + 2;

const STYLES: Readonly<Record<string, Style>> = {
  'await-receipt': 'green',
  delivered: ['green', 'bold'],
  retry: 'yellow',
  queued: 'yellow',
  uncertain: 'yellow',
  expired: 'red',
  undelivered: 'red',
  unconfirmed: 'red',
  'permanent-failure': ['red', 'bold'],
};
const LEVELS: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', info: 'cyan' };

/** Fields that are shown in words of their own. */
const TOLD = new Set(
  (
    'level time at event seq id reference account sender recipient from to reason attempt status parts ' +
    'next_attempt_at queued_ms limiter_ms gateway_ms wait_ms next_probe_at configured limit remedy'
  ).split(' '),
);

export class Renderer {
  readonly #options: RenderOptions;
  #day = '';

  constructor(options: RenderOptions) {
    this.#options = options;
  }

  /** The line, after a heading where a day begins; without a line break at the end. */
  render(line: LogLine): Safe {
    const { fields } = line;
    if (fields === null) return this.#style('dim', safeLine(line.text));
    const [day = '', time = ''] = localTime(instantOf(line)).split(' ');
    const { id } = fields;
    const shownId = typeof id === 'number' ? String(id) : '';
    const what = whatOf(fields);
    const rest = wrap(restOf(fields).join(' · '), 0, this.#options.width - INDENT);
    const shownRest = `  ${rest.replaceAll('\n', `\n${' '.repeat(INDENT)}`)}`;
    return joined([
      this.#heading(day),
      this.#style('dim', time.padEnd(TIME)),
      this.#style(null, ` ${shownId.padStart(ID)} `),
      this.#style(styleOf(fields, what), rest === '' ? what : what.padEnd(WHAT)),
      this.#style(null, rest === '' ? '' : shownRest),
    ]);
  }

  #heading(day: string): Safe {
    if (day === this.#day || !DAY.test(day)) return safeLine('');
    this.#day = day;
    const line = this.#style('dim', `── ${day} `.padEnd(this.#options.width, '─'));
    return joined([line, this.#style(null, '\n')]);
  }

  #style(style: Style | null, text: string): Safe {
    return styled(this.#options.isColoured ? style : null, text);
  }
}

function whatOf({ event }: LogFields): string {
  const name = escapeText(String(event));
  return name.slice(name.indexOf('.') + 1);
}

function styleOf({ event, level }: LogFields, what: string): Style | null {
  if (String(event).startsWith('message.')) return STYLES[what] ?? null;
  return LEVELS[String(level)] ?? null;
}

function restOf(fields: LogFields): readonly string[] {
  const isMessage = fields['id'] !== undefined;
  const others = Object.entries(fields).filter(
    ([name, value]) => !TOLD.has(name) && value !== undefined && value !== null,
  );
  return [
    ...(isMessage ? messageParts(fields) : laneParts(fields)),
    ...others.map(([name, value]) => `${name.replaceAll('_', ' ')} ${shown(value)}`),
    fields['remedy'] === undefined ? null : shown(fields['remedy']),
    fields['at'] === undefined ? null : 'written late',
  ].filter((part) => part !== null);
}

function messageParts(fields: LogFields): readonly (string | null)[] {
  const { recipient, sender, reference, reason, status, attempt, parts, to } = fields;
  const { gateway_ms: gatewayMs } = fields;
  const waitedMs = msOf(fields['queued_ms']) + msOf(fields['limiter_ms']);
  return [
    ...[recipient, sender, reference].map((value) => (value === undefined ? null : shown(value))),
    reason === undefined || reason === 'accepted' || reason === to ? null : shown(reason),
    status === undefined || status === 0 ? null : `status ${shown(status)}`,
    attempt === undefined || attempt === 1 ? null : `attempt ${shown(attempt)}`,
    parts === undefined || parts === 1 ? null : `${shown(parts)} parts`,
    waitedMs >= 1_000 ? `waited ${timeSpan(waitedMs / 1000)}` : null,
    gatewayMs === undefined ? null : timeSpan(msOf(gatewayMs) / 1000),
    clock('again at', fields['next_attempt_at']),
  ];
}

function laneParts(fields: LogFields): readonly (string | null)[] {
  const { event, account, sender, reason, configured, limit, remedy, wait_ms: waitMs } = fields;
  /* The reason repeats the limit, and so does the remedy of one that is too low. */
  const isSaid = limit !== undefined;
  const kind = String(event).split('.', 1)[0] ?? '';
  const named = account === undefined ? kind : `${kind} ${shown(account)}`;
  const isSender = kind === 'sender' && sender !== undefined;
  return [
    isSender ? `sender ${shown(sender)} of ${shown(account)}` : named,
    reason === undefined || isSaid || reason === 'throttled' ? null : shown(reason),
    limit === undefined || remedy !== undefined ? null : `${shown(limit)}/s available`,
    configured === undefined || remedy !== undefined ? null : `${shown(configured)}/s configured`,
    waitMs === undefined ? null : `waits ${timeSpan(msOf(waitMs) / 1000)}`,
    clock('looked at again at', fields['next_probe_at']),
  ];
}

function clock(words: string, iso: unknown): string | null {
  const ms = typeof iso === 'string' ? Date.parse(iso) : NaN;
  return Number.isNaN(ms) ? null : `${words} ${localTime(ms / 1000).slice(11)}`;
}

function msOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
