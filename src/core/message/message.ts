/**
 * Lists the states of a message and the moves between them: the table of CONTRACT.md §14, as a type and as data. A test
 * compares the two. A move that NEXT forbids does not compile (see `Target`).
 */
export const STATES = [
  'queued',
  'retry',
  'sending',
  'uncertain',
  'await-receipt',
  'delivered',
  'undelivered',
  'unconfirmed',
  'permanent-failure',
  'expired',
  'cancelled',
] as const;

export type State = (typeof STATES)[number];

/** In these a message still waits for something. Any other state is final. */
export const OPEN = ['queued', 'retry', 'sending', 'uncertain', 'await-receipt'] as const;

/** A state that a message leaves only by a receipt or a requeue. */
export type Final = Exclude<State, (typeof OPEN)[number]>;

/** Whether a message in this state still waits for something; a row may hold any word. */
export function isOpen(state: string): boolean {
  return OPEN.some((open) => open === state);
}

/** What a switch answers for a word that is none of its union, which a row may hold. A new member must get a case. */
export function unlisted<T>(_word: never, answer: T): T {
  return answer;
}

/* A receipt proves what a state that says "not sent" did not know. */
const PROVED = ['await-receipt', 'delivered', 'undelivered'] as const;
const ENDED = ['expired', 'cancelled', 'permanent-failure'] as const;
const FROM_WAITING = ['sending', ...ENDED, 'uncertain', ...PROVED] as const;
const FROM_UNSENT = ['queued', ...PROVED] as const;

export const NEXT = {
  queued: FROM_WAITING,
  retry: FROM_WAITING,
  sending: ['await-receipt', 'retry', 'queued', 'permanent-failure', 'cancelled', 'uncertain'],
  uncertain: ['await-receipt', 'delivered', 'undelivered', 'retry', 'unconfirmed', 'queued'],
  'await-receipt': ['delivered', 'undelivered', 'unconfirmed'],
  delivered: [],
  undelivered: ['delivered', 'retry', 'queued'],
  unconfirmed: ['delivered', 'undelivered', 'queued'],
  'permanent-failure': FROM_UNSENT,
  expired: FROM_UNSENT,
  cancelled: FROM_UNSENT,
} as const satisfies Record<State, readonly State[]>;

/** The states a message may move to from F. */
export type Target<F extends State> = (typeof NEXT)[F][number];

/** The states that T may be entered from. */
export type Origin<T extends State> = {
  [F in State]: T extends Target<F> ? F : never;
}[State];

/** Whether NEXT leads from one state to another; from a word that is no state it leads nowhere. */
export function mayMove<T extends State>(from: State, to: T): from is Origin<T> {
  const next: readonly State[] = from in NEXT ? NEXT[from] : [];
  return next.includes(to);
}

export type UncertainPolicy = 'resend' | 'hold';

export type TextType = 'text' | 'unicode' | 'binary';
