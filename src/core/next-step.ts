/**
 * Says what happens next to a message that was sent or is final, and when, if nothing comes in between. Pure; the
 * decisions about an uncertain message are those of settle.ts.
 */
import { lapse } from './settle.ts';

export interface NextStep {
  /** Unix seconds; null = at no known time. */
  readonly at: number | null;
  /** A clause: 'it is sent again and may arrive twice'. */
  readonly what: string;
  readonly isFinal: boolean;
}

export type LapseFacts = Omit<Parameters<typeof lapse>[0], 'now'>;

const FINAL: NextStep = { at: null, what: 'final: nothing more happens by itself', isFinal: true };
const UNCONFIRMED = 'it becomes unconfirmed and is not sent again';
const SENT_AGAIN = 'it is sent again and may arrive twice';
const UNANSWERED = 'without an answer it becomes uncertain';

/** The next step; `dueAt` is when the daemon looks at it (null = not by itself). Null for what is yet to be sent. */
export function nextStepOf(
  state: string,
  dueAt: number | null,
  facts: LapseFacts,
): NextStep | null {
  switch (state) {
    case 'sending':
      return { at: null, what: UNANSWERED, isFinal: false };
    case 'await-receipt':
      return { at: dueAt, what: UNCONFIRMED, isFinal: false };
    case 'uncertain':
      return { ...nextOfUncertain(dueAt, facts), isFinal: false };
    case 'delivered':
    case 'undelivered':
    case 'unconfirmed':
    case 'permanent-failure':
    case 'expired':
    case 'cancelled':
      return FINAL;
    default:
      return null;
  }
}

function nextOfUncertain(dueAt: number | null, facts: LapseFacts): Omit<NextStep, 'isFinal'> {
  const { since, policy } = facts;
  const at = Math.max(dueAt ?? since, since + policy.uncertainAfterMs / 1000);
  const next = lapse({ ...facts, now: at });
  if (next.to === 'retry') return { at, what: SENT_AGAIN };
  return { at: next.to === null ? next.dueAt : at, what: UNCONFIRMED };
}
