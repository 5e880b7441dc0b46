/** Names the modes of the loop, what each allows, and which mode may follow which. */

export type Mode = 'starting' | 'running' | 'draining' | 'broken' | 'stopped';

interface ModeRules {
  readonly next: readonly Mode[];
  /** A turn may follow: of a broken loop only to see that the last answer has come. */
  readonly turn: boolean;
  readonly step: boolean;
  readonly claim: boolean;
}

const MODES = {
  /** What a crash left open is not settled yet. */
  starting: { next: ['running', 'stopped'], turn: false, step: false, claim: false },
  running: {
    next: ['draining', 'broken', 'stopped'],
    turn: true,
    step: true,
    claim: true,
  },
  /** Answers are waited for and written; nothing is claimed. */
  draining: { next: ['broken', 'stopped'], turn: true, step: true, claim: false },
  /** The spool cannot be written, and waiting does not help. */
  broken: { next: ['stopped'], turn: true, step: false, claim: false },
  stopped: { next: [], turn: false, step: false, claim: false },
} as const satisfies Record<Mode, ModeRules>;

export class LoopMode {
  #mode: Mode = 'starting';

  get name(): Mode {
    return this.#mode;
  }

  get may(): ModeRules {
    return MODES[this.#mode];
  }

  /** Moves to a mode; false = the present one does not lead there, and nothing changes. */
  move(to: Mode): boolean {
    const next: readonly Mode[] = MODES[this.#mode].next;
    if (!next.includes(to)) return false;
    this.#mode = to;
    return true;
  }
}
