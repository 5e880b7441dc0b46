/**
 * Where the crash tests kill the daemon: every gap between two steps of a message's life, in their order.
 *
 * The first word is what the daemon is about, the rest is how far it has got. A count goes with each point:
 * the daemon dies as the count-th message passes it (`begin.*`: the count-th transaction; `receipt.*`: the
 * count-th receipt). The points of a restart and of a drain are the same ones, met in another run.
 */

export const POINTS = {
  'begin.before': 'before a transaction begins',
  'begin.after': 'in a transaction that holds nothing yet',
  'claim.marked': 'in a claim, its message marked and its attempt not written',
  'claim.attempted': 'in a claim, its message and its attempt written',
  'claim.commit.before': 'just before a claim is committed',
  'claim.commit.after': 'when a claim is on disk and nothing was handed out',
  'request.before': 'before the first byte of a request is written',
  'request.half': 'when half of a request is written',
  'request.after': 'when a request is written whole',
  'answer.read': 'as the first byte of an answer arrives',
  'answer.parsed': 'when an answer is understood and nothing of it is written',
  'settle.messages': 'in a settlement, its message written and its attempt not',
  'settle.attempts': 'in a settlement, its attempt written and its parts not',
  'settle.parts': 'in a settlement, its parts written and its event not',
  'settle.events': 'in a settlement, its event written',
  'settle.commit.before': 'just before a settlement is committed',
  'settle.commit.after': 'when a settlement is on disk and not in the log',
  'log.after': 'when a settlement is in the log',
  'lapse.written': 'as an uncertain message is given back for another attempt',
  'lapse.commit.before': 'just before an uncertain message is given back for another attempt',
  'lapse.commit.after': 'when an uncertain message is given back for another attempt',
  'receipt.read': 'when a receipt has come whole and nothing of it is written',
  'receipt.kept': 'in a transaction, a receipt kept and its part not told of it',
  'receipt.heard': 'in a transaction, the part of a receipt told of it and its message not moved',
  'receipt.moved': 'in a transaction, a message moved by a receipt and its event not written',
  'receipt.commit.before': 'just before a receipt is committed',
  'receipt.commit.after': 'when a receipt is on disk and not answered',
  'receipt.answered': 'when a receipt is answered',
  'drain.signal': 'as SIGTERM arrives',
  'close.before': 'when the drain is done and the spool still open',
  'close.after': 'when the spool is closed and still owned',
  exit: 'when the spool is let go of and the process about to end',
} as const;

export type Point = keyof typeof POINTS;

/** Where a run of the daemon ends. */
export interface Fault {
  readonly point: Point;
  readonly count: number;
  /** SIGTERM to itself as this many requests are written; points count from its arrival on. */
  readonly drainAt?: number;
  /** Points count once a request of this run is written: what a restart settles first is left alone. */
  readonly onceSent?: boolean;
}

/** As the environment carries it to the daemon. */
export function faultVariables(fault: Fault): Record<string, string> {
  const { point, count, drainAt = 0, onceSent = false } = fault;
  return {
    SMS_SPOOLD_KILL_POINT: point,
    SMS_SPOOLD_KILL_COUNT: String(count),
    SMS_SPOOLD_KILL_DRAIN_AT: String(drainAt),
    SMS_SPOOLD_KILL_ONCE_SENT: onceSent ? '1' : '0',
  };
}
