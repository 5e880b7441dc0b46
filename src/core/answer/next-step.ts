/** Tells what happens next to a message that was sent or is final, and when, if nothing comes in between. Pure. */
import { unlisted, type State } from '../message/message.ts';
import { lapse } from './settle.ts';

export interface NextStep {
  /** Unix seconds; null = at no known time. */
  readonly at: number | null;
  /** A clause: 'it is sent again and may arrive twice'. */
  readonly what: string;
  /** What would make something else happen first: 'its last receipt'. */
  readonly waitsFor: string;
  readonly isFinal: boolean;
}

export type LapseFacts = Omit<Parameters<typeof lapse>[0], 'now'>;

const FINAL: NextStep = {
  at: null,
  what: 'final: nothing more happens by itself',
  waitsFor: 'nothing',
  isFinal: true,
};
const UNCONFIRMED = 'it becomes unconfirmed and is not sent again';
const SENT_AGAIN = 'it is sent again and may arrive twice';
const UNANSWERED = 'without an answer it becomes uncertain';
const ANSWER = 'the gateway’s answer to the request that is out';
const PROOF = 'a receipt that proves it accepted';

/** `dueAt` is when the daemon looks at it (null = not by itself). Null for what is yet to be sent, and for no state. */
export function nextStepOf(state: State, dueAt: number | null, facts: LapseFacts): NextStep | null {
  switch (state) {
    case 'queued':
    case 'retry':
      return null;
    case 'sending':
      return { at: null, what: UNANSWERED, waitsFor: ANSWER, isFinal: false };
    case 'await-receipt':
      return { at: dueAt, what: UNCONFIRMED, waitsFor: 'its last receipt', isFinal: false };
    case 'uncertain':
      return { ...nextOfUncertain(dueAt, facts), waitsFor: PROOF, isFinal: false };
    case 'delivered':
    case 'undelivered':
    case 'unconfirmed':
    case 'permanent-failure':
    case 'expired':
    case 'cancelled':
      return FINAL;
    default:
      return unlisted(state, null);
  }
}

function nextOfUncertain(dueAt: number | null, facts: LapseFacts): Pick<NextStep, 'at' | 'what'> {
  const { since, policy } = facts;
  const at = Math.max(dueAt ?? since, since + policy.uncertainAfterMs / 1000);
  const next = lapse({ ...facts, now: at });
  if (next.to === 'retry') return { at, what: SENT_AGAIN };
  return { at: next.to === null ? next.dueAt : at, what: UNCONFIRMED };
}
