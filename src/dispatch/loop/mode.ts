/** Names the modes of the loop, what each allows, and which mode may follow which. */

export type Mode = 'starting' | 'running' | 'draining' | 'broken' | 'stopped';

interface ModeRules {
  readonly next: readonly Mode[];
  /** A turn may follow: of a broken loop only to see that the last answer has come. */
  readonly mayTurn: boolean;
  readonly mayStep: boolean;
  readonly mayClaim: boolean;
}

const MODES = {
  /** What a crash left open is not settled yet. */
  starting: { next: ['running', 'stopped'], mayTurn: false, mayStep: false, mayClaim: false },
  running: {
    next: ['draining', 'broken', 'stopped'],
    ...{ mayTurn: true, mayStep: true, mayClaim: true },
  },
  /** Answers are waited for and written; nothing is claimed. */
  draining: { next: ['broken', 'stopped'], mayTurn: true, mayStep: true, mayClaim: false },
  /** The spool cannot be written, and waiting does not help. */
  broken: { next: ['stopped'], mayTurn: true, mayStep: false, mayClaim: false },
  stopped: { next: [], mayTurn: false, mayStep: false, mayClaim: false },
} as const satisfies Record<Mode, ModeRules>;

export class LoopMode {
  #mode: Mode = 'starting';

  get name(): Mode {
    return this.#mode;
  }

  get mayTurn(): boolean {
    return MODES[this.#mode].mayTurn;
  }

  get mayStep(): boolean {
    return MODES[this.#mode].mayStep;
  }

  get mayClaim(): boolean {
    return MODES[this.#mode].mayClaim;
  }

  /** Moves to a mode; false = the present one does not lead there, and nothing changes. */
  move(to: Mode): boolean {
    const next: readonly Mode[] = MODES[this.#mode].next;
    if (!next.includes(to)) return false;
    this.#mode = to;
    return true;
  }
}
