/**
 * Plays the scenes of the demo in order: the daemon starts and the gateway learns where receipts go; the application
 * inserts its rows; an urgent one overtakes the backlog; a campaign is cancelled; receipts are late for a moment; a
 * recipient opts out; then the demo waits until nothing is left to happen.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { State } from '../core/message/message.ts';
import { Daemon } from '../daemon/daemon.ts';
import type { DropRow } from '../spool/write/insert.ts';
import { describeWaiting, waitOf, type Application, type Unsettled } from './application.ts';
import { nameOf } from './audit.ts';
import { receiptsPending, tellGateway } from './gateway-control.ts';
import type { Voice } from './narrator.ts';
import {
  badRows,
  CANCELLED_CAMPAIGN,
  LATE_ROW,
  OPT_OUT_REFERENCE,
  OPTED_OUT_ROW,
  sampleRows,
  URGENT_ROW,
} from './samples.ts';
import { configOf, LATE_RECEIPTS, RECEIPTS } from './setting.ts';
import type { DemoEnd } from './demo-end.ts';

/** How often a scene checks whether it is over. */
const TICK_MS = 100;
/** By then the backlog is under way. */
const URGENT_AFTER_MS = 2_000;
/** Messages that are named when the time is up; more are counted. */
const NAMED_MAX = 12;
const NOT_ANSWERED: readonly (State | null)[] = ['queued', 'sending'];
const NOT_FINAL: readonly (State | null)[] = [
  ...NOT_ANSWERED,
  'retry',
  'uncertain',
  'await-receipt',
];

export interface Stage {
  readonly spoolPath: string;
  readonly gatewayUrl: string;
  readonly application: Application;
  readonly voice: Voice;
  readonly end: DemoEnd;
}

/** Resolves when the daemon has stopped; unsettled messages are still in the spool. */
export async function play(stage: Stage): Promise<void> {
  const { application, voice, end } = stage;
  const config = configOf(stage.spoolPath, stage.gatewayUrl);
  const onFatal = (error: unknown): void => end.fail(error);
  await using daemon = new Daemon(config, { onFatal, logOutput: voice });
  await daemon.start();
  await connect(stage, `http://${daemon.receiptsAddress ?? ''}${config.receipts.path}`);
  await begin(stage);
  for (const scene of [interfere, delayReceipts, sendToOptedOut, settle]) {
    if (!end.isLate()) await scene(stage);
  }
  const left = application.unsettled();
  if (left.length > 0) voice.say('application', `the time is up, ${nameLeft(left)}`);
}

async function connect({ gatewayUrl, voice }: Stage, url: string): Promise<void> {
  await tellGateway(gatewayUrl, { receipts: { ...RECEIPTS, url } });
  voice.say('gateway', `receipts go to ${url}`);
}

async function begin(stage: Stage): Promise<void> {
  const { application, voice } = stage;
  const now = Date.now() / 1000;
  const rows = sampleRows(now);
  application.insert(rows);
  voice.say('application', `INSERT INTO messages …, ${rows.length} rows`);
  for (const row of badRows(now)) {
    const constraint = application.insertBad(row);
    if (constraint !== null) voice.say('application', `INSERT refused: ${constraint}`);
  }
  const urgentAtMs = performance.now() + URGENT_AFTER_MS;
  await waitUntil(stage, () => performance.now() >= urgentAtMs);
}

async function interfere(stage: Stage): Promise<void> {
  const { application, voice } = stage;
  const waiting = application.backlog();
  insert(stage, URGENT_ROW, `priority 9, while ${waiting} others wait`);
  application.cancelCampaign();
  voice.say('application', `INSERT INTO control …, to cancel campaign ${CANCELLED_CAMPAIGN}`);
  await waitWhile(stage, URGENT_ROW, NOT_ANSWERED);
}

/* All that the gateway accepts in that moment has late receipts. */
async function delayReceipts(stage: Stage): Promise<void> {
  const { gatewayUrl, voice } = stage;
  const { delayMs } = LATE_RECEIPTS;
  await tellGateway(gatewayUrl, { receipts: LATE_RECEIPTS });
  voice.say('gateway', `for a moment, receipts take ${delayMs / 1000} s instead of 1 s`);
  insert(stage, LATE_ROW, 'whose answer will be lost');
  await waitWhile(stage, LATE_ROW, NOT_ANSWERED);
  await tellGateway(gatewayUrl, { receipts: RECEIPTS });
}

async function sendToOptedOut(stage: Stage): Promise<void> {
  await waitWhile(stage, { reference: OPT_OUT_REFERENCE }, NOT_FINAL);
  insert(stage, OPTED_OUT_ROW, 'to a recipient that opted out');
}

/* A receipt after the final state may still change it. */
async function settle(stage: Stage): Promise<void> {
  await waitUntil(
    stage,
    async (left) => left.length === 0 && (await receiptsPending(stage.gatewayUrl)) === 0,
  );
}

function insert({ application, voice }: Stage, row: DropRow, what: string): void {
  application.insert([row]);
  voice.say('application', `INSERT INTO messages …, ${what}`);
}

async function waitWhile(
  stage: Stage,
  { reference }: DropRow,
  states: readonly (State | null)[],
): Promise<void> {
  const { application } = stage;
  await waitUntil(stage, () => !states.includes(application.stateOf(String(reference))));
}

/* At most until the time is up. */
async function waitUntil(
  { application, voice, end }: Stage,
  isOver: (left: readonly Unsettled[]) => boolean | Promise<boolean>,
): Promise<void> {
  for (;;) {
    const left = application.unsettled();
    if (end.isLate() || (await isOver(left))) return;
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
