/** `stats --campaign`: how far a campaign has come, and what it has cost. */
import { isOpen } from '../../core/message/message.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import { campaignNames, progressOf, type CampaignProgress } from '../../spool/read/statistics.ts';
import type { Database } from '../../spool/file/open.ts';
import { tableOf } from '../../terminal/table.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { nearestHint } from '../options/name-warnings.ts';

const NAMES_MAX = 1_000;
const EUROS = 4;

interface Totals {
  readonly messages: number;
  readonly done: number;
  readonly parts: number;
  /** EUR. */
  readonly price: number;
}

/** Throws CommandError where no message has that campaign. */
export function campaignOf(db: Database, name: string): CampaignProgress {
  const progress = progressOf(db, name);
  if (progress.states.length > 0) return progress;
  const hint = nearestHint(name, campaignNames(db, NAMES_MAX));
  throw new CommandError(`there is no message of campaign ${JSON.stringify(name)}${hint}`);
}

export function campaignJson(campaign: string, progress: CampaignProgress): object {
  const { messages, done, parts, price } = totalsOf(progress);
  const { firstAt, changedAt } = progress;
  const times = { first_at: isoTime(firstAt), changed_at: isoTime(changedAt) };
  const states = Object.fromEntries(progress.states.map(({ state, count }) => [state, count]));
  return { kind: 'campaign', campaign, messages, done, parts, price, ...times, states };
}

export function campaignText(campaign: string, progress: CampaignProgress): string {
  const { messages, done, parts, price } = totalsOf(progress);
  const rows = progress.states.map((one) => [
    one.state,
    one.count.toLocaleString('en'),
    one.parts === null ? '' : one.parts.toLocaleString('en'),
    one.price === null ? '' : one.price.toFixed(EUROS),
  ]);
  const columns = [
    { head: 'STATE' },
    { head: 'MESSAGES', align: 'right' },
    { head: 'PARTS', align: 'right' },
    { head: 'EUR', align: 'right' },
  ] as const;
  const share = Math.floor((100 * done) / Math.max(1, messages));
  const lines = [
    `Campaign ${campaign}: ${done.toLocaleString('en')} of ${messages.toLocaleString('en')} done ` +
      `(${share} %).`,
    `So far ${price.toFixed(EUROS)} EUR for ${parts.toLocaleString('en')} parts.`,
    `First inserted ${localTime(progress.firstAt)}, last changed ${localTime(progress.changedAt)}.`,
  ];
  return `${lines.join('\n')}\n\n${tableOf(columns, rows)}`;
}

/* It was sent, or never will be. */
function isDone(state: string): boolean {
  return state === 'await-receipt' || !isOpen(state);
}

function totalsOf({ states }: CampaignProgress): Totals {
  const sum = (of: (one: CampaignProgress['states'][number]) => number | null): number =>
    states.reduce((total, one) => total + (of(one) ?? 0), 0);
  return {
    messages: sum(({ count }) => count),
    done: sum(({ state, count }) => (isDone(state) ? count : 0)),
    parts: sum(({ parts }) => parts),
    /* Prices are sums of cents and fractions: what floating point adds to them is cut off. */
    price: Math.round(sum(({ price }) => price) * 1e6) / 1e6,
  };
}
