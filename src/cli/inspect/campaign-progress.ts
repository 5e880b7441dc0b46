/** `stats --campaign`: prints how far a campaign has come, and what it has cost. */
import { isOpen } from '../../core/message/message.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import { campaignNames, progressOf, type CampaignProgress } from '../../spool/read/statistics.ts';
import type { Database } from '../../spool/file/open.ts';
import { print, printJson } from '../../terminal/print.ts';
import { right, tableOf } from '../../terminal/table.ts';
import { isoTime, localTime } from '../../terminal/times.ts';
import { nearestHint } from '../options/name-warnings.ts';

const NAMES_MAX = 1_000;
const EUROS = 4;

/** Throws CommandError where no message has that campaign. */
export async function printCampaign(
  db: Database,
  campaign: string,
  isJson: boolean,
): Promise<void> {
  const { states, firstAt, changedAt } = progressOf(db, campaign);
  if (states.length === 0) {
    const hint = nearestHint(campaign, campaignNames(db, NAMES_MAX));
    throw new CommandError(`there is no message of campaign ${JSON.stringify(campaign)}${hint}`);
  }
  const sum = (of: (one: CampaignProgress['states'][number]) => number | null): number =>
    states.reduce((total, one) => total + (of(one) ?? 0), 0);
  const messages = sum(({ count }) => count);
  /* It was sent, or never will be. */
  const done = sum(({ state, count }) => (state === 'await-receipt' || !isOpen(state) ? count : 0));
  const parts = sum((one) => one.parts);
  /* Prices are sums of cents and fractions: what floating point adds to them is cut off. */
  const price = Math.round(sum((one) => one.price) * 1e6) / 1e6;
  if (isJson) {
    const times = { first_at: isoTime(firstAt), changed_at: isoTime(changedAt) };
    const counts = Object.fromEntries(states.map(({ state, count }) => [state, count]));
    const totals = { messages, done, parts, price, ...times, states: counts };
    return printJson({ kind: 'campaign', campaign, ...totals });
  }
  const words = (count: number): string => count.toLocaleString('en');
  const rows = states.map((one) => [
    one.state,
    words(one.count),
    one.parts === null ? '' : words(one.parts),
    one.price === null ? '' : one.price.toFixed(EUROS),
  ]);
  const share = Math.floor((100 * done) / Math.max(1, messages));
  await print(
    `Campaign ${campaign}: ${words(done)} of ${words(messages)} done (${share} %).\n` +
      `So far ${price.toFixed(EUROS)} EUR for ${words(parts)} parts.\n` +
      `First inserted ${localTime(firstAt)}, last changed ${localTime(changedAt)}.\n\n` +
      `${tableOf(['STATE', right('MESSAGES'), right('PARTS'), right('EUR')], rows)}\n`,
  );
}
