/** Makes the end of the demo: tables for people, or one JSON document. */
import { STATES, type State } from '../core/message/message.ts';
import { joined, ourOwn, safeLines, styledForOutput, type Safe } from '../terminal/safe.ts';
import { tableOf } from '../terminal/table.ts';
import type { DemoFacts } from './demo-facts.ts';
import { GATEWAY_RATE, RECEIPT_TIMEOUT_MS, UNCERTAIN_AFTER_MS } from './setting.ts';

const WIDTH = 80;
/** Broken promises that are shown; `--json` has all. */
const PROBLEMS_MAX = 20;

const MEANINGS: Readonly<Record<State, string>> = {
  queued: 'waits to be sent',
  retry: 'refused for now, waits to be tried again',
  sending: 'on its way to the gateway',
  uncertain: 'perhaps accepted; not known yet',
  'await-receipt': 'accepted; its last receipt has not come',
  delivered: 'its receipts say so',
  undelivered: 'its receipts say why',
  unconfirmed: `no final receipt in ${RECEIPT_TIMEOUT_MS / 1000} s`,
  'permanent-failure': 'refused, and sending again would not help',
  expired: 'its validity ended before it was sent',
  cancelled: 'cancelled before it was sent',
};

/** States whose reasons are shown. */
const EXPLAINED: ReadonlySet<State> = new Set(['undelivered', 'unconfirmed', 'permanent-failure']);

const NEXT_STEPS = `What next?
  npx sms-spoold sandbox   this gateway alone; prints the settings for it
  npx sms-spoold init      makes a spool; then: send 447700900000 'It works'
  npx sms-spoold run       the daemon; see list, show 1, stats, and --help`;

/** The tables, the verdict and what to do next; ends with a line break. */
export function summaryOf(facts: DemoFacts, seconds: number): Safe {
  const tables = [stateTable, happenedTable, receiptTable, gatewayTable];
  const paragraphs = [
    ...tables.map((table) => safeLines(table(facts))),
    verdict(facts),
    safeLines(NEXT_STEPS),
  ];
  return joined([
    safeLines('\n'),
    heading(`${facts.messages} messages in ${seconds.toFixed(1)} s`),
    safeLines('\n'),
    joined(paragraphs, ourOwn('\n\n')),
    safeLines('\n'),
  ]);
}

/** The same facts for a program, as one line of the log. */
export function summaryDocument(facts: DemoFacts, seconds: number): object {
  return {
    level: facts.problems.length === 0 ? 'info' : 'error',
    time: new Date().toISOString(),
    event: 'demo.finished',
    ...facts,
    states: Object.fromEntries(facts.states),
    reasons: Object.fromEntries(
      [...facts.reasons].map(([state, counts]) => [state, Object.fromEntries(counts)]),
    ),
    seconds,
  };
}

function heading(text: string): Safe {
  return styledForOutput('bold', text);
}

type SummaryRow = readonly [what: string, count: number, means: string];

function table(what: string, counted: string, rows: readonly SummaryRow[]): string {
  const columns = [
    { head: what },
    { head: counted, align: 'right' },
    { head: 'Meaning', fit: 'wrap' },
  ] as const;
  return tableOf(
    columns,
    rows.map(([name, count, means]) => [name, String(count), means]),
    WIDTH,
  );
}

function stateTable({ states, reasons }: DemoFacts): string {
  const rows = STATES.flatMap((state): SummaryRow[] => {
    const count = states.get(state);
    if (count === undefined) return [];
    const why = EXPLAINED.has(state) ? `: ${reasonsText(reasons.get(state))}` : '';
    return [[state, count, `${MEANINGS[state]}${why}`]];
  });
  return table('State', 'Messages', rows);
}

function reasonsText(counts: ReadonlyMap<string, number> = new Map()): string {
  const words = [...counts].map(([reason, count]) => (count === 1 ? reason : `${reason} ${count}`));
  return words.join(', ');
}

function happenedTable(facts: DemoFacts): string {
  const { throttled, retried, multipart, inPart, suppressed, urgentMs } = facts;
  const rows: SummaryRow[] = [
    ['throttled', throttled, 'the sender waited as long as the gateway asked'],
    ['retried', retried, 'refused for now; tried again after 1 s, then 3 s'],
    ...uncertainRows(facts),
    ['multi-part', multipart, 'several SMS; each has its own id, price and receipt'],
    ['accepted in part', inPart, 'some parts refused: never sent again whole'],
    ['suppressed', suppressed, 'their recipient opted out: refused at no cost'],
  ];
  if (urgentMs !== null) {
    rows.push([
      'urgent',
      1,
      `ahead of the backlog, accepted ${Math.round(urgentMs)} ms after INSERT`,
    ]);
  }
  return table('On the way', 'Messages', rows);
}

function uncertainRows(facts: DemoFacts): readonly SummaryRow[] {
  const { uncertain, settled, resent, held, doubled } = facts;
  const seconds = UNCERTAIN_AFTER_MS / 1000;
  return [
    ['uncertain', uncertain, 'never answered: perhaps accepted, perhaps not'],
    ['  settled', settled, 'by a receipt: accepted after all, no second send'],
    ['  sent again', resent, `no receipt in ${seconds} s; marked as possible duplicates`],
    ['  held', held, 'on_uncertain = hold: never sent again'],
    ['  doubled', doubled.length, 'sent again, both accepted: message.duplicate'],
  ];
}

function receiptTable({ receipts }: DemoFacts): string {
  const { taken, repeats, early, afterMs } = receipts;
  const after = afterMs === null ? '' : `; half within ${Math.round(afterMs)} ms of acceptance`;
  return table('Receipts', 'Number', [
    ['taken', taken, `each on disk before it was answered${after}`],
    ['repeats', repeats, 'sent by the gateway again: they changed nothing'],
    ['early', early, 'came before the answer to their own message'],
  ]);
}

function gatewayTable({ gateway, pace }: DemoFacts): string {
  return table('At the gateway', 'Requests', [
    [
      'accepted',
      gateway.accepted,
      `${gateway.untold} of them not answered: uncertain for the daemon`,
    ],
    ['throttled', gateway.throttled, 'by a limit of a sender that the daemon did not know'],
    ['refused', gateway.refused, 'with a status code that says why'],
    ['failed', gateway.failed, 'reset, silent or HTTP 400: nothing accepted'],
    ['total', gateway.requests, paceText(pace)],
  ]);
}

function paceText(pace: DemoFacts['pace']): string {
  if (pace === null) return 'no backlog, so no rate was measured';
  const share = Math.round((pace.perSecond / GATEWAY_RATE) * 100);
  const rate = pace.perSecond.toFixed(1);
  return `${rate}/s with a backlog: ${share} % of the ${GATEWAY_RATE}/s allowed`;
}

function verdict({ problems, messages, once, doubled, price }: DemoFacts): Safe {
  if (problems.length > 0) {
    const lines = problems.slice(0, PROBLEMS_MAX).map((problem) => `  ${problem}`);
    const more = problems.length - PROBLEMS_MAX;
    if (more > 0) lines.push(`  and ${more} more`);
    return styledForOutput('red', ['Not as promised:', ...lines].join('\n'));
  }
  const names = doubled.length === 0 ? '' : ` (${doubled.join(', ')})`;
  const never = messages - once - doubled.length;
  const lines = [
    `  ${once} messages were accepted exactly once, ${never} never (see above), and`,
    `  ${doubled.length} twice${names}, which attempts.follows marks.`,
    '  The spool and the ledger name the same messages as delivered, and the same',
    `  cost: ${price.toFixed(2)} EUR.`,
    '  No message was lost, none is stuck, none was sent twice without a mark.',
  ];
  return joined([
    heading('Every promise was kept, as the gateway’s own ledger shows:'),
    safeLines(`\n${lines.join('\n')}`),
  ]);
}
