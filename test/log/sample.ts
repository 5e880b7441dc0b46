/** A status log in which everything occurs that its reader has to show. */
const ESC = '\u001b';
const CSI = '\u009b';

const at = (second: number, day = 23): string => `2026-11-${day}T09:15:0${second}.120Z`;
const message = { account: 'main', sender: 'AcmeInc', recipient: '4477…000', attempt: 1 };

export const SAMPLE: readonly Readonly<Record<string, unknown>>[] = [
  { level: 'info', time: at(0), event: 'daemon.ready', accounts: ['main', 'second'] },
  {
    ...{ level: 'info', time: at(2), event: 'message.await-receipt', seq: 1, id: 41 },
    ...{ reference: 'order-9', ...message, from: 'sending', to: 'await-receipt' },
    ...{ reason: 'accepted', status: 0, parts: 1, queued_ms: 12, limiter_ms: 31, gateway_ms: 84 },
  },
  {
    ...{ level: 'info', time: at(3), event: 'message.retry', seq: 2, id: 42 },
    ...{ reference: 'order-10', ...message, attempt: 2, from: 'sending', to: 'retry', status: 5 },
    ...{ reason: 'internal-error', next_attempt_at: at(9), queued_ms: 1_202, gateway_ms: 84 },
  },
  {
    ...{ level: 'error', time: at(4), event: 'account.suspended', seq: 3, account: 'main' },
    ...{ to: 'suspended', reason: 'wrong-credentials', next_probe_at: at(9) },
    remedy: 'check api_key and api_secret, then send SIGHUP or run sms-spoold resume main',
  },
  {
    ...{ level: 'warn', time: at(5, 24), event: 'sender.throttled', seq: 4, account: 'main' },
    ...{ sender: '12015550123', reason: 'throttled', wait_ms: 1_043 },
  },
  {
    ...{ level: 'warn', time: at(6, 24), event: 'message.permanent-failure', seq: 5, id: 1234567 },
    ...{ ...message, from: 'sending', to: 'permanent-failure', reason: 'invalid', status: 3 },
    reference: `evil${ESC}[31m${CSI}2J\nref`,
  },
];

export const LOG = SAMPLE.map((line) => `${JSON.stringify(line)}\n`).join('');
