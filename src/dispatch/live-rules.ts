/**
 * The one place that holds which rules are in force. Whoever decides about messages asks it each time, so that
 * a new configuration holds for all of them from the same step on.
 *
 * Always holds: nobody keeps what was read here over a turn of the event loop.
 */
import type { Rules } from './work.ts';

export class LiveRules implements Rules {
  #current: Rules;

  constructor(rules: Rules) {
    this.#current = rules;
  }

  /** From now on these. Never called within a step. */
  replace(rules: Rules): void {
    this.#current = rules;
  }

  get settle(): Rules['settle'] {
    return this.#current.settle;
  }

  get overrides(): Rules['overrides'] {
    return this.#current.overrides;
  }

  get validityMs(): Rules['validityMs'] {
    return this.#current.validityMs;
  }

  get defaultAccount(): Rules['defaultAccount'] {
    return this.#current.defaultAccount;
  }

  get defaultSenders(): Rules['defaultSenders'] {
    return this.#current.defaultSenders;
  }

  get receipts(): Rules['receipts'] {
    return this.#current.receipts;
  }

  get keep(): Rules['keep'] {
    return this.#current.keep;
  }

  get allow(): Rules['allow'] {
    return this.#current.allow;
  }

  get holds(): Rules['holds'] {
    return this.#current.holds;
  }

  get lanesMax(): Rules['lanesMax'] {
    return this.#current.lanesMax;
  }

  get waitMaxMs(): Rules['waitMaxMs'] {
    return this.#current.waitMaxMs;
  }
}
