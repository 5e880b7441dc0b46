/**
 * What happens in the demo, in its order: the daemon starts, the application drops its rows, an urgent one
 * overtakes the backlog, a campaign is taken back; then everybody waits until nothing is left to happen.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Daemon } from '../daemon.ts';
import { readVersion } from '../version.ts';
import { describeWaiting, waitOf, type Application, type Unsettled } from './application.ts';
import { nameOf } from './audit.ts';
import type { Voice } from './narrator.ts';
import { badRows, CANCELLED_CAMPAIGN, sampleRows, URGENT_ROW } from './samples.ts';
import { configOf } from './setting.ts';
import type { Stop } from './stop.ts';

/** How often everybody looks whether something is left to wait for. */
const TICK_MS = 100;
/** By then the backlog is under way. */
const URGENT_AFTER_MS = 2_000;
/** Messages that are named when the time is up; more are counted. */
const NAMED_MAX = 12;

export interface Stage {
  readonly spoolPath: string;
  readonly gatewayUrl: string;
  readonly application: Application;
  readonly voice: Voice;
  readonly stop: Stop;
}

/** Resolves when the daemon has left; what was not settled by then is still in the spool. */
export async function play(stage: Stage): Promise<void> {
  const { application, voice, stop } = stage;
  const config = configOf(stage.spoolPath, stage.gatewayUrl);
  const onFatal = (error: unknown): void => stop.fail(error);
  await using daemon = new Daemon(config, { onFatal, logOutput: voice });
  await daemon.start(readVersion());
  begin(application, voice);
  await wait(stage, URGENT_AFTER_MS);
  interfere(application, voice);
  const left = await wait(stage, Infinity);
  if (left.length > 0) voice.say(`the time is up, ${nameLeft(left)}`);
}

function begin(application: Application, voice: Voice): void {
  const now = Date.now() / 1000;
  const rows = sampleRows(now);
  application.drop(rows);
  voice.say(`INSERT INTO messages …, ${rows.length} rows`);
  for (const row of badRows(now)) {
    const constraint = application.dropBad(row);
    if (constraint !== null) voice.say(`INSERT refused: ${constraint}`);
  }
}

function interfere(application: Application, voice: Voice): void {
  const waiting = application.backlog();
  application.drop([URGENT_ROW]);
  voice.say(`INSERT INTO messages …, priority 9, while ${waiting} others wait`);
  application.cancelCampaign();
  voice.say(`INSERT INTO control …, to cancel campaign ${CANCELLED_CAMPAIGN}`);
}

/* Until nothing is left to happen, at most `limitMs`; what is left then. */
async function wait(
  { application, voice, stop }: Stage,
  limitMs: number,
): Promise<readonly Unsettled[]> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const left = application.unsettled();
    if (left.length === 0 || stop.isLate() || performance.now() >= endMs) return left;
    voice.tick(() => describeWaiting(left));
    await delay(TICK_MS);
  }
}

function nameLeft(left: readonly Unsettled[]): string {
  const named = left
    .slice(0, NAMED_MAX)
    .map((one) => `${nameOf(one)} (${one.state}: ${waitOf(one)})`);
  const more = left.length > NAMED_MAX ? `, and ${left.length - NAMED_MAX} more` : '';
  return `${describeWaiting(left)}. These are ${named.join(', ')}${more}`;
}
