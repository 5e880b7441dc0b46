/** `stats`: counts messages by state and age, and shows lanes, stops and requests that are not done yet. */
import { Command } from 'commander';
import { usageWindowsOf } from '../../spool/write/usage-window-rows.ts';
import { restoredFrom } from '../../spool/write/restored.ts';
import type { LaneRow } from '../../spool/read/lane-rows.ts';
import {
  type Statistics,
  statisticsOf,
  type Storage,
  storageOf,
} from '../../spool/read/statistics.ts';
import { print, printJson } from '../../terminal/print.ts';
import { cut, right, tableOf, wrapped } from '../../terminal/table.ts';
import { isoTime, localTime, timeSpan, withIsoTimes } from '../../terminal/times.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { forecastOptionsOf } from './allowance.ts';
import { jsonOf } from '../options/control-request.ts';
import { isOpen } from '../../core/message/message.ts';
import { printCampaign } from './campaign-progress.ts';
import { capDocument, capTable } from './usage-lines.ts';
import { laneDocument, lanesOf, laneTable } from './lane-report.ts';
import { openToRead, type OpenedSpool } from '../open-spool.ts';
import { daemonJson, daemonLine, stopJson, stopLines, stoppedNow } from './stop-list.ts';

const MIB = 1024 ** 2;

interface StatsOptions {
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
    .summary('count messages by state and age')
    .description(
      'Counts messages by state, with the age of the oldest that still waits, and shows accounts, senders ' +
        'and what operators asked for and the daemon has not done yet.',
    )
    .option('--lanes', 'how each account, group and sender is: what it allows, uses and has to do')
    .option('--campaign <name>', 'instead: how far a campaign has come, and what it has cost')
    .option('--json', 'one JSON document a line, each with its kind')
    .addHelpText('after', EXAMPLES)
    .action(stats);
}

async function stats({ json, lanes, campaign }: StatsOptions, command: Command): Promise<void> {
  using spool = openToRead(command);
  const now = Date.now() / 1000;
  const isJson = json === true;
  if (lanes === true) await printLanes(spool, isJson, now);
  else if (campaign !== undefined) await printCampaign(spool.db, campaign, isJson);
  else await printStatistics(spool, isJson, now);
}

async function printStatistics(spool: OpenedSpool, isJson: boolean, now: number): Promise<void> {
  const statistics = statisticsOf(spool.db, now);
  const stopped = await stoppedNow(spool, now);
  const caps = usageWindowsOf(spool.db, now);
  const storage = storageOf(spool.db, spool.config.spool.path);
  const pruneAt = nextPruneAt(storage, spool.config.spool.retentionMs);
  if (isJson) {
    await printJson({ kind: 'daemon', daemon: daemonJson(stopped) });
    for (const stop of stopped.stops) await printJson({ kind: 'stop', ...stopJson(stop) });
    for (const document of documentsOf(statistics, now)) await printJson(document);
    for (const cap of caps) await printJson(capDocument(cap));
    const mark = restoredFrom(spool.db);
    if (mark !== null) {
      const rolled_back = mark.isRolledBack ?? false;
      await printJson({ kind: 'restored', backup_at: isoTime(mark.at), rolled_back });
    }
    return printJson({
      kind: 'storage',
      file_bytes: storage.fileBytes,
      free_bytes: storage.freeBytes,
      wal_bytes: storage.walBytes,
      oldest_final_at: isoTime(storage.oldestFinalAt),
      next_prune_at: isoTime(pruneAt),
    });
  }
  const parts = [
    daemonLine(stopped),
    stopLines(stopped),
    stateTable(statistics, now),
    lateLine(statistics),
    circuitTable(statistics),
    capTable(caps),
    controlTable(statistics),
    receiptLine(statistics, now),
    unmatchedLine(statistics),
    storageLine(storage, pruneAt),
  ];
  await print(`${parts.filter((part) => part !== null).join('\n\n')}\n`);
}

async function printLanes(
  { db, config }: OpenedSpool,
  isJson: boolean,
  now: number,
): Promise<void> {
  const lanes = lanesOf(db, forecastOptionsOf(config, now));
  const caps = usageWindowsOf(db, now);
  if (!isJson) return print(`${laneTable({ lanes, caps, now })}\n`);
  for (const lane of lanes) await printJson(laneDocument(lane));
  for (const cap of caps) await printJson(capDocument(cap));
}

function* documentsOf(statistics: Statistics, now: number): Generator<object> {
  for (const row of statistics.states) {
    const { state, oldest_at } = row;
    yield {
      ...{ kind: 'state', ...withIsoTimes(row, 'oldest_at') },
      ...(isOpen(state) ? { oldest_seconds: ageOf(oldest_at, now) } : {}),
      ...(state === 'queued' ? { scheduled: statistics.scheduled } : {}),
    };
  }
  yield { kind: 'late', count: statistics.late };
  for (const lane of statistics.lanes) {
    const kind = lane.sender === null ? 'account' : 'sender';
    yield { kind, ...withIsoTimes(lane, 'since', 'next_probe_at') };
  }
  yield { kind: 'receipts', last_at: isoTime(statistics.lastReceiptAt) };
  yield { kind: 'unmatched-receipts', count: statistics.unmatched };
  for (const row of statistics.control) yield { kind: 'control', ...jsonOf(row) };
}

function lateLine({ late }: Statistics): string | null {
  if (late === 0) return null;
  return `${late.toLocaleString('en')} cannot make their deadline at the present rate.`;
}

/* Null = the spool awaits none. */
function receiptLine({ lastReceiptAt, states }: Statistics, now: number): string | null {
  if (lastReceiptAt !== null) {
    return `The last receipt came ${localTime(lastReceiptAt)} (${timeSpan(ageOf(lastReceiptAt, now))} ago).`;
  }
  const isAwaited = states.some(({ state }) => state === 'await-receipt');
  return isAwaited ? 'No receipt has come yet.' : null;
}

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
  return tableOf(['STATE', right('MESSAGES'), right('OLDEST'), cut('OF THESE')], rows);
}

const CIRCUIT_COLUMNS = [
  ...[cut('ACCOUNT'), 'SENDER', 'STATE', 'SINCE', right('RATE'), right('SET'), wrapped('REASON')],
];

function circuitTable({ lanes }: Statistics): string | null {
  return lanes.length === 0 ? null : tableOf(CIRCUIT_COLUMNS, lanes.map(laneCells));
}

function laneCells(lane: LaneRow): readonly string[] {
  const { configured_rate: set, learned_rate: learned, next_probe_at: probeAt } = lane;
  const { configured_concurrency: width, learned_concurrency: narrower } = lane;
  /* What was learned from the gateway holds; the configured rate is shown where it differs. */
  const holds = learned ?? set;
  const notes = [
    lane.reason ?? '',
    probeAt === null ? '' : `probed at ${localTime(probeAt)}`,
    width === null || narrower === null ? '' : `${narrower} of ${width} requests at a time`,
  ];
  return [
    lane.account,
    lane.sender ?? '',
    lane.state,
    localTime(lane.since),
    holds === null ? '' : `${holds}/s`,
    set === null || set === holds ? '' : `${set}/s`,
    notes.filter((note) => note !== '').join(', '),
  ];
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
  const columns = [right('REQUEST'), 'ASKED', 'VERB', cut('ABOUT'), 'SENDER'];
  return `Asked for and not done yet:\n${tableOf(columns, rows)}`;
}

/* When the daemon prunes next (Unix seconds); null = there is nothing to prune, or it never does. */
function nextPruneAt({ oldestFinalAt }: Storage, retentionMs: number | null): number | null {
  if (oldestFinalAt === null || retentionMs === null) return null;
  return oldestFinalAt + retentionMs / 1000;
}

function storageLine({ fileBytes, freeBytes, walBytes }: Storage, pruneAt: number | null): string {
  const next = pruneAt === null ? '' : ` The oldest final message is pruned ${localTime(pruneAt)}.`;
  const size = `The spool has ${sizeOf(fileBytes)}, ${sizeOf(freeBytes)} of it free`;
  return wrap(`${size}; its -wal has ${sizeOf(walBytes)}.${next}`, 0, terminalWidth());
}

function sizeOf(bytes: number): string {
  return `${(bytes / MIB).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
}
