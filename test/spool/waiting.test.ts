/** What is ready and what goes before, counted by the index, against a count of the rows one by one. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countAhead, countReady } from '../../src/spool/read/standing.ts';
import { NOW, setup } from '../support/spool.ts';

const DAY_S = 86_400;
const DEFAULT_SENDER = 'AcmeInc';
const DEFAULTS = { account: 'main', senders: new Map([['main', DEFAULT_SENDER]]) };

interface Row {
  readonly account: string | null;
  readonly sender: string | null;
  readonly campaign: string | null;
  readonly priority: number;
  readonly state: string;
  readonly attempts: number;
  readonly created_at: number;
  readonly send_at: number | null;
  readonly expires_at: number | null;
  readonly due_at: number | null;
}

const instant = (from: number): fc.Arbitrary<number> => fc.integer({ min: from, max: from + 20 });

const rowsOfAllKinds = fc.array(
  fc.record<Row>({
    account: fc.constantFrom(null, 'main', 'other'),
    sender: fc.constantFrom(null, DEFAULT_SENDER, '12015550123'),
    campaign: fc.constantFrom(null, 'spring'),
    priority: fc.constantFrom(3, 9),
    state: fc.constantFrom('queued', 'retry', 'delivered'),
    attempts: fc.nat({ max: 1 }),
    created_at: instant(NOW),
    send_at: fc.option(instant(NOW)),
    expires_at: fc.option(instant(NOW + DAY_S)),
    due_at: fc.constantFrom(null, null, NOW + 1_000),
  }),
  { minLength: 1, maxLength: 40 },
);

const isReady = ({ account, state, due_at }: Row): boolean =>
  account !== 'other' && state !== 'delivered' && due_at === null;
const laneOf = ({ sender }: Row): string => sender ?? DEFAULT_SENDER;
const kindOf = ({ attempts, state }: Row): 0 | 1 => (attempts > 0 || state === 'retry' ? 1 : 0);
const deadlineOf = ({ expires_at, created_at, send_at }: Row): number =>
  expires_at ?? Math.max(created_at, send_at ?? 0) + DAY_S;

function spoolWithout() {
  const { db } = setup().other;
  const drop = db.prepare(
    `INSERT INTO messages (recipient, text, account, sender, campaign, priority, expires_at)
      VALUES ('447700900000', 'x', @account, @sender, @campaign, @priority, @expires_at)`,
  );
  const move = db.prepare(
    `UPDATE messages SET revision = revision + 1, state = @state, attempts = @attempts, created_at = @created_at,
      send_at = @send_at WHERE id = @id`,
  );
  const wait = db.prepare(
    'UPDATE messages SET revision = revision + 1, due_at = @due_at WHERE id = @id',
  );
  /** These rows and no others; gives them with their ids. */
  const fill = (rows: readonly Row[]): readonly (Row & { readonly id: number })[] => {
    db.exec(`UPDATE messages SET revision = revision + 1, state = 'expired'; DELETE FROM messages`);
    return rows.map((row) => {
      const id = Number(drop.run(row).lastInsertRowid);
      move.run({ ...row, id });
      wait.run({ due_at: row.due_at, id });
      return { ...row, id };
    });
  };
  return { db, fill };
}

function tally<T>(rows: readonly T[], nameOf: (row: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(nameOf(row), (counts.get(nameOf(row)) ?? 0) + 1);
  return counts;
}

describe('rows that are ready', () => {
  it('rows that are ready are counted by lane, campaign, priority and kind, with the oldest of each', () => {
    const { db, fill } = spoolWithout();
    fc.assert(
      fc.property(rowsOfAllKinds, (drawn) => {
        const rows = fill(drawn).filter(isReady);
        const nameOf = (row: (typeof rows)[number]): string =>
          JSON.stringify([laneOf(row), row.campaign, row.priority, kindOf(row)]);
        const counts = countReady(db, 'main', DEFAULTS);
        const found = counts.map(({ sender, campaign, priority, isRetry, count }) => [
          JSON.stringify([sender, campaign, priority, isRetry]),
          count,
        ]);
        expect(new Map(found as [string, number][])).toEqual(tally(rows, nameOf));
        for (const { sender, campaign, priority, isRetry, firstId } of counts) {
          const name = JSON.stringify([sender, campaign, priority, isRetry]);
          const oldest = rows.find((row) => nameOf(row) === name);
          expect(firstId).toBe(oldest?.id);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('go before another of their campaign, priority and kind by deadline and age, by lane', () => {
    const { db, fill } = spoolWithout();
    fc.assert(
      fc.property(rowsOfAllKinds, fc.nat(), (drawn, pick) => {
        const rows = fill(drawn).filter(isReady);
        const row = rows[pick % Math.max(1, rows.length)];
        if (row === undefined) return;
        const asked = {
          ...{ id: row.id, account: 'main', campaign: row.campaign },
          ...{ priority: row.priority, isRetry: kindOf(row), deadline: deadlineOf(row) },
          validityMs: DAY_S * 1_000,
        };
        const before = rows.filter(
          (one) =>
            one.campaign === row.campaign &&
            one.priority === row.priority &&
            kindOf(one) === kindOf(row) &&
            (deadlineOf(one) - deadlineOf(row) || one.id - row.id) < 0,
        );
        const ahead = countAhead(db, asked, DEFAULTS);
        expect(ahead).toEqual(tally(before, laneOf));
      }),
      { numRuns: 100 },
    );
  });
});
