/** `stats`: how many messages are in which state and since when, how the lanes are, what is still asked. */
import { Command } from 'commander';
import { capsOf } from '../../spool/write/usage-window-rows.ts';
import { restoredFrom } from '../../spool/write/restored.ts';
import {
  type LaneRow,
  type Statistics,
  statisticsOf,
  type Storage,
  storageOf,
} from '../../spool/read/statistics.ts';
import { print, printJson } from '../../terminal/print.ts';
import { tableOf } from '../../terminal/table.ts';
import { isoTime, localTime, timeSpan } from '../../terminal/times.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { forecastOptionsOf } from './allowance.ts';
import { jsonOf } from '../options/control-request.ts';
import { isOpen } from '../../core/message/message.ts';
import { campaignJson, campaignOf, campaignText } from './campaign-progress.ts';
import { capDocument, capTable } from './usage-lines.ts';
import { laneDocument, lanesOf, laneTable } from './lane-report.ts';
import { openToRead, type OpenedSpool } from '../open-spool.ts';
import { daemonJson, daemonLine, stopJson, stopLines, stoppedNow } from './stop-list.ts';

const MIB = 1024 ** 2;

interface Options {
  readonly json?: true;
  readonly lanes?: true;
  readonly campaign?: string;
}

const EXAMPLES = `
Examples:
  $ sms-spoold stats --json | grep '"kind":"state"'
  $ sms-spoold stats --lanes
  $ sms-spoold stats --campaign spring`;

export function statsCommand(): Command {
  return new Command('stats')
    .summary('counts by state and age')
    .description(
      'Counts messages by state, with the age of the oldest that still waits, and shows accounts, senders ' +
        'and what operators asked for and the daemon has not done yet.',
    )
    .option('--lanes', 'how each account, group and sender is: what it allows, uses and has to do')
    .option('--campaign <name>', 'instead: how far a campaign has come, and what it has cost')
    .option('--json', 'one JSON document a line, each with its kind')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options, command: Command) => {
      using spool = openToRead(command);
      const now = Date.now() / 1000;
      if (options.lanes === true) {
        await printLanes(spool, options, now);
        return;
      }
      if (options.campaign !== undefined) {
        await printCampaign(spool, options.campaign, options);
        return;
      }
      const statistics = statisticsOf(spool.db, now);
      const stopped = await stoppedNow(spool, now);
      if (options.json) {
        await printJson({ kind: 'daemon', daemon: daemonJson(stopped) });
        for (const stop of stopped.stops) await printJson({ kind: 'stop', ...stopJson(stop) });
        await printDocuments(statistics, now);
        for (const cap of capsOf(spool.db, now)) await printJson(capDocument(cap));
        for (const document of storageDocuments(spool)) await printJson(document);
        return;
      }
      const parts = [
        daemonLine(stopped),
        stopLines(stopped),
        stateTable(statistics, now),
        lateLine(statistics),
        gateTable(statistics),
        capTable(capsOf(spool.db, now)),
        controlTable(statistics),
        receiptLine(statistics, now),
        unmatchedLine(statistics),
        storageLine(spool),
      ];
      await print(`${parts.filter((part) => part !== null).join('\n\n')}\n`);
    });
}

async function printCampaign(spool: OpenedSpool, name: string, options: Options): Promise<void> {
  const progress = campaignOf(spool.db, name);
  if (options.json === true) await printJson(campaignJson(name, progress));
  else await print(`${campaignText(name, progress)}\n`);
}

async function printLanes(spool: OpenedSpool, options: Options, now: number): Promise<void> {
  const lanes = lanesOf(spool.db, forecastOptionsOf(spool.config, now));
  const caps = capsOf(spool.db, now);
  if (options.json !== true) {
    await print(`${laneTable({ lanes, caps, now })}\n`);
    return;
  }
  for (const document of [...lanes.map(laneDocument), ...caps.map(capDocument)]) {
    await printJson(document);
  }
}

async function printDocuments(statistics: Statistics, now: number): Promise<void> {
  for (const { state, count, oldest_at } of statistics.states) {
    const age = isOpen(state) ? { oldest_seconds: ageOf(oldest_at, now) } : {};
    const scheduled = state === 'queued' ? { scheduled: statistics.scheduled } : {};
    await printJson({
      kind: 'state',
      state,
      count,
      oldest_at: isoTime(oldest_at),
      ...age,
      ...scheduled,
    });
  }
  await printJson({ kind: 'late', count: statistics.late });
  for (const lane of statistics.lanes) {
    const times = { since: isoTime(lane.since), next_probe_at: isoTime(lane.next_probe_at) };
    await printJson({ kind: lane.sender === null ? 'account' : 'sender', ...lane, ...times });
  }
  await printJson({ kind: 'receipts', last_at: isoTime(statistics.lastReceiptAt) });
  await printJson({ kind: 'unmatched-receipts', count: statistics.unmatched });
  for (const row of statistics.control) await printJson({ kind: 'control', ...jsonOf(row) });
}

function lateLine({ late }: Statistics): string | null {
  if (late === 0) return null;
  return `${late.toLocaleString('en')} cannot make their deadline at the present rate.`;
}

/* Of a spool that awaits none there is nothing to say. */
function receiptLine({ lastReceiptAt, states }: Statistics, now: number): string | null {
  if (lastReceiptAt !== null) {
    return `The last receipt came ${localTime(lastReceiptAt)} (${timeSpan(ageOf(lastReceiptAt, now))} ago).`;
  }
  const isAwaited = states.some(({ state }) => state === 'await-receipt');
  return isAwaited ? 'No receipt has come yet.' : null;
}

/* Of a few it is worth knowing; of many, that something is wrong. */
function unmatchedLine({ unmatched }: Statistics): string | null {
  if (unmatched === 0) return null;
  const count = unmatched.toLocaleString('en');
  return `Receipts about no message of this spool: ${count} (sms-spoold list --unmatched)`;
}

function ageOf(at: number, now: number): number {
  return Math.max(0, Math.round((now - at) * 1000) / 1000);
}

function stateTable({ states, scheduled }: Statistics, now: number): string {
  if (states.length === 0) return 'The spool holds no messages.';
  const rows = states.map(({ state, count, oldest_at }) => [
    state,
    count.toLocaleString('en'),
    isOpen(state) ? timeSpan(ageOf(oldest_at, now)) : '',
    state === 'queued' && scheduled > 0
      ? `${scheduled.toLocaleString('en')} not before a later time`
      : '',
  ]);
  const columns = [
    { head: 'STATE' },
    { head: 'MESSAGES', align: 'right' },
    { head: 'OLDEST', align: 'right' },
    { head: 'OF THESE', fit: 'cut' },
  ] as const;
  return tableOf(columns, rows);
}

function gateTable({ lanes }: Statistics): string | null {
  if (lanes.length === 0) return null;
  const columns = [
    { head: 'ACCOUNT', fit: 'cut' },
    { head: 'SENDER' },
    { head: 'STATE' },
    { head: 'SINCE' },
    { head: 'RATE', align: 'right' },
    { head: 'SET', align: 'right' },
    { head: 'REASON', fit: 'wrap' },
  ] as const;
  return tableOf(columns, lanes.map(laneCells));
}

function laneCells(lane: LaneRow): readonly string[] {
  const probe = lane.next_probe_at === null ? '' : `probed at ${localTime(lane.next_probe_at)}`;
  return [
    lane.account,
    lane.sender ?? '',
    lane.state,
    localTime(lane.since),
    ...ratesOf(lane),
    [lane.reason ?? '', probe, widthOf(lane)].filter((word) => word !== '').join(', '),
  ];
}

function widthOf({ configured_concurrency: set, learned_concurrency: learned }: LaneRow): string {
  return set === null || learned === null ? '' : `${learned} of ${set} requests at a time`;
}

/* What was learned from the gateway holds; the configured one is shown where it differs. */
function ratesOf({
  configured_rate: configured,
  learned_rate: learned,
}: LaneRow): readonly string[] {
  const holds = learned ?? configured;
  if (holds === null) return ['', ''];
  return [`${holds}/s`, configured === null || configured === holds ? '' : `${configured}/s`];
}

function controlTable({ control }: Statistics): string | null {
  if (control.length === 0) return null;
  const rows = control.map((row) => [
    String(row.id),
    localTime(row.asked_at),
    row.verb,
    row.message_id === null
      ? (row.campaign ?? row.filter ?? row.account ?? '')
      : String(row.message_id),
    row.sender ?? '',
  ]);
  const columns = [
    { head: 'REQUEST', align: 'right' },
    { head: 'ASKED' },
    { head: 'VERB' },
    { head: 'ABOUT', fit: 'cut' },
    { head: 'SENDER' },
  ] as const;
  return `Asked for and not done yet:\n${tableOf(columns, rows)}`;
}

/* When the daemon prunes next (Unix seconds); null = there is nothing to prune, or it never does. */
function nextPruneAt({ oldestFinalAt }: Storage, retentionMs: number | null): number | null {
  if (oldestFinalAt === null || retentionMs === null) return null;
  return oldestFinalAt + retentionMs / 1000;
}

function* storageDocuments(spool: OpenedSpool): Generator<object> {
  const storage = storageOf(spool.db, spool.config.spool.path);
  const mark = restoredFrom(spool.db);
  if (mark !== null) {
    const rolled_back = mark.isRolledBack ?? false;
    yield { kind: 'restored', backup_at: isoTime(mark.at), rolled_back };
  }
  yield {
    kind: 'storage',
    file_bytes: storage.fileBytes,
    free_bytes: storage.freeBytes,
    wal_bytes: storage.walBytes,
    oldest_final_at: isoTime(storage.oldestFinalAt),
    next_prune_at: isoTime(nextPruneAt(storage, spool.config.spool.retentionMs)),
  };
}

/* How large the spool is, and when it has less to keep. */
function storageLine(spool: OpenedSpool): string {
  const storage = storageOf(spool.db, spool.config.spool.path);
  const { fileBytes, freeBytes, walBytes } = storage;
  const at = nextPruneAt(storage, spool.config.spool.retentionMs);
  const next = at === null ? '' : ` The oldest final message is pruned ${localTime(at)}.`;
  const size = `The spool has ${sizeOf(fileBytes)}, ${sizeOf(freeBytes)} of it free`;
  return wrap(`${size}; its -wal has ${sizeOf(walBytes)}.${next}`, 0, terminalWidth());
}

function sizeOf(bytes: number): string {
  return `${(bytes / MIB).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
}
