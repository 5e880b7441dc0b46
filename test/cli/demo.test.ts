/** The demonstration as a newcomer runs it: the built program, in a process of its own. */
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { openSpool } from '../../src/spool/file/open.ts';
import { ended, Program, widestLine } from './program.ts';

interface Summary {
  readonly event: string;
  readonly problems: readonly string[];
  readonly doubled: readonly string[];
  readonly messages: number;
  readonly states: Readonly<Record<string, number>>;
  readonly throttled: number;
  readonly retried: number;
  readonly uncertain: number;
  readonly settled: number;
  readonly resent: number;
  readonly held: number;
  readonly suppressed: number;
  readonly multipart: number;
  readonly inPart: number;
  readonly price: number;
  readonly reasons: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly receipts: { readonly taken: number; readonly repeats: number };
}

/* Nothing is left anywhere else. */
const ENDS = [
  'cancelled',
  'delivered',
  'expired',
  'permanent-failure',
  'unconfirmed',
  'undelivered',
];
const FATES = [
  'throttled',
  'retried',
  'uncertain',
  'settled',
  'resent',
  'held',
  'suppressed',
  'multipart',
  'inPart',
] as const;

/* The demo with its temporary files where the test can see them. */
function setup() {
  const program = new Program('');
  const start = (...flags: string[]) =>
    program.start(['demo', ...flags], { TMPDIR: program.folder });
  const folders = () =>
    readdirSync(program.folder).filter((name) => name.startsWith('sms-spoold-demo-'));
  return { start, folders, [Symbol.dispose]: () => program[Symbol.dispose]() };
}

function linesOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

describe.concurrent('demo', () => {
  test('demo tells what happens, sums it up in 80 columns, leaves nothing behind and ends with 0', async () => {
    using demo = setup();
    const { code, stdout, stderr } = await ended(demo.start());
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain('\u001b');
    for (const shown of [
      "VALUES ('447700900000', 'Your table is ready');",
      'INSERT refused: recipient_is_7_to_15_digits',
      'uncertain → retry           resend',
      'await-receipt → undelivered anti-spam-rejection',
      'queued → permanent-failure  suppressed',
      'queued → cancelled',
      'uncertain → unconfirmed     unanswered',
      'Every promise was kept, as the gateway’s own ledger shows',
      'npx sms-spoold sandbox',
    ]) {
      expect(stdout).toContain(shown);
    }
    expect(demo.folders()).toEqual([]);
  });

  test('demo shows every kind of fate under --json, and keeps the spool under --keep', async () => {
    using demo = setup();
    const { code, stdout } = await ended(demo.start('--json', '--keep'));
    const lines = linesOf(stdout);
    const summary = lines.at(-1) as unknown as Summary;
    expect(code).toBe(0);
    expect(summary).toMatchObject({ event: 'demo.finished', problems: [] });
    expect(summary.messages).toBeGreaterThanOrEqual(40);
    expect(Object.keys(summary.states).toSorted()).toEqual(ENDS);
    for (const fate of FATES) expect([fate, summary[fate]]).not.toEqual([fate, 0]);
    expect(summary.reasons['undelivered']).toEqual({
      'absent-subscriber-temporary': 1,
      'accepted-in-part': 1,
      'anti-spam-rejection': 1,
      'illegal-number': 1,
    });
    expect(summary.receipts.repeats).toBeGreaterThan(0);

    const started = lines.find((line) => line['event'] === 'daemon.started');
    const db = openSpool(String(started?.['spool']));
    const marked = db
      .prepare(
        `SELECT DISTINCT reference FROM messages JOIN attempts ON message_id = id WHERE attempts.follows IS NOT NULL`,
      )
      .pluck()
      .all();
    const events = db.prepare('SELECT seq FROM events ORDER BY seq').pluck().all();
    const duplicates = db
      .prepare(
        `SELECT reference FROM messages JOIN events ON message_id = id WHERE event = 'message.duplicate'`,
      )
      .pluck()
      .all();
    const taken = db.prepare('SELECT count(*) FROM receipts').pluck().get();
    const price = db.prepare('SELECT sum(price) FROM messages').pluck().get();
    db.close();
    expect(marked).toEqual(expect.arrayContaining([...summary.doubled, 'lost-2', 'silent']));
    expect(duplicates.toSorted()).toEqual(summary.doubled.toSorted());
    expect(summary.receipts.taken).toBe(taken);
    expect(summary.price).toBeCloseTo(Number(price));
    expect(lines.flatMap(({ seq }) => seq ?? [])).toEqual(events);
  });

  test('demo names what is left when the time is up, and fails', async () => {
    using demo = setup();
    const { code, stdout, stderr } = await ended(demo.start('--limit', '1'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/the time is up, \d+ left: /);
    expect(stdout).toContain('is stuck in queued');
    expect(stderr).toMatch(/^sms-spoold: the demo failed: \d+ broken promises, named above\n$/);
    expect(demo.folders()).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'demo leaves nothing behind after %s',
    async (signal) => {
      using demo = setup();
      const child = demo.start();
      const done = ended(child);
      child.stdout?.once('data', () => child.kill(signal));
      const { code, stderr } = await done;
      expect(stderr).toBe(`sms-spoold: stopped by ${signal} before the end\n`);
      expect(code).toBe(1);
      expect(demo.folders()).toEqual([]);
    },
  );

  test('demo leaves with its reader, and nothing behind', async () => {
    using demo = setup();
    const child = demo.start();
    const left = once(child, 'exit');
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await left).toEqual([0, null]);
    expect(demo.folders()).toEqual([]);
  });

  test('demo refuses a limit that is none', async () => {
    using demo = setup();
    const { code, stderr } = await ended(demo.start('--limit', 'soon'));
    expect(code).toBe(64);
    expect(stderr).toContain('Expected seconds, 1 to 999');
  });
});
