/**
 * The daemon is killed between the gateway's acceptance of a message and the commit of its outcome, two
 * hundred times with receipts on and more without, and at every step of a receipt's life. With receipts
 * nothing is sent twice and all is known to be delivered; without, only what `on_uncertain` says is sent twice.
 */
import { describe, expect, it } from 'vitest';
import type { ReceiptOptions } from '../../src/sandbox/receipt-options.ts';
import { POINTS, type Point } from './kill-points.ts';
import { Trial, type TrialOptions } from './trial.ts';

/** Sixty starts beside sixty others, on the slowest machine. */
const TIMEOUT_MS = 600_000;

/** From the acceptance of a message to just before its outcome is on disk. */
const BETWEEN: readonly Point[] = [
  'request.after',
  'answer.read',
  'answer.parsed',
  'settle.messages',
  'settle.attempts',
  'settle.parts',
  'settle.events',
  'settle.commit.before',
];

/** Messages of a run after which it is killed, at most. */
const COUNT_MAX = 13;
/** More than a run claims (eight, mostly), so that no run comes to the end of them. */
const MESSAGES_PER_KILL = 20;

const trialOf = (kills: number, options: TrialOptions): Promise<Trial> =>
  Trial.begin({ messages: kills * MESSAGES_PER_KILL, longEvery: 7, ...options });

/** Every point in its turn, at counts that go with none of them. */
async function killBetween(trial: Trial, kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    const point = BETWEEN[kill % BETWEEN.length] ?? 'request.after';
    const count = 1 + ((Math.floor(kill / BETWEEN.length) * 5 + kill) % COUNT_MAX);
    await trial.crash({ point, count, onceSent: true });
  }
}

interface Sending {
  readonly title: string;
  readonly kills: number;
  readonly sending: ReceiptOptions;
  readonly listens?: 'passed' | 'own';
}

/** Two hundred kills in all; two trials run at a time. */
const SENDINGS: readonly (readonly [Sending, Sending])[] = [
  [
    { title: 'that come at once', kills: 60, sending: {} },
    { title: 'that come before the answer', kills: 60, sending: { early: true, format: 'json' } },
  ],
  [
    {
      title: 'of three words, shuffled and some twice',
      kills: 60,
      sending: {
        steps: ['accepted', 'buffered'],
        order: 'shuffled',
        repeat: 0.3,
        jitterMs: 50,
        format: 'get',
      },
    },
    {
      title: 'that are refused while no daemon is there',
      kills: 20,
      sending: { delayMs: 20 },
      listens: 'own',
    },
  ],
];

describe.each(SENDINGS)('killed between acceptance and commit', (...pair) => {
  for (const { title, kills, ...options } of pair) {
    it.concurrent(
      `${kills} times, with receipts ${title}, sends nothing twice and delivers all`,
      async () => {
        await using trial = await trialOf(kills, { receipts: 'sent', ...options });
        await killBetween(trial, kills);
        const { complaints, doubles, endedBetween } = await trial.finish();
        expect(complaints).toEqual([]);
        expect({ doubles, endedBetween }).toEqual({ doubles: 0, endedBetween: kills });
      },
      TIMEOUT_MS,
    );
  }
});

const LOST_KILLS = 50;

describe('killed between acceptance and commit, with receipts lost', () => {
  it.concurrent(
    `${LOST_KILLS} times under hold, sends nothing twice and says what it does not know`,
    async () => {
      await using trial = await trialOf(LOST_KILLS, { receipts: 'lost', onUncertain: 'hold' });
      await killBetween(trial, LOST_KILLS);
      const { complaints, doubles, endedBetween } = await trial.finish();
      expect(complaints).toEqual([]);
      expect({ doubles, endedBetween }).toEqual({ doubles: 0, endedBetween: LOST_KILLS });
    },
    TIMEOUT_MS,
  );

  it.concurrent(
    `${LOST_KILLS} times under resend, sends twice only what it marks`,
    async () => {
      await using trial = await trialOf(LOST_KILLS, { receipts: 'lost' });
      await killBetween(trial, LOST_KILLS);
      const { complaints, doubles, endedBetween } = await trial.finish();
      expect(complaints).toEqual([]);
      expect(endedBetween).toBe(LOST_KILLS);
      expect(doubles).toBeGreaterThanOrEqual(LOST_KILLS);
    },
    TIMEOUT_MS,
  );
});

const OF_A_RECEIPT: readonly Point[] = [
  'receipt.read',
  'receipt.kept',
  'receipt.heard',
  'receipt.moved',
  'receipt.commit.before',
  'receipt.commit.after',
  'receipt.answered',
];
const COUNTS = [1, 12, 40] as const;

describe('receipts are lost by no kill, and are kept once', () => {
  for (const point of OF_A_RECEIPT) {
    it.concurrent(
      `${POINTS[point]} (${point})`,
      async () => {
        await using trial = await trialOf(0, { receipts: 'sent', messages: 300 });
        for (const count of COUNTS) await trial.crash({ point, count });
        const { complaints, doubles } = await trial.finish();
        expect(complaints).toEqual([]);
        expect(doubles).toBe(0);
      },
      TIMEOUT_MS,
    );
  }
});
