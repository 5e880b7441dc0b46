/**
 * Plans faults for all requests at once: their kind, their duration, and the share of requests.
 *
 * A plan is a list of steps played one after the other in real time; a step without `forMs` stays, and after the last
 * step with one all is well again. The plan only names the present fault: faults.ts applies it to an answer, and the
 * sandbox itself stops listening. `/control` and `/ledger` are spared, except by `refuse`.
 */
import type { ValueCheck } from './sandbox-check.ts';
import { AMOUNT, FLAG, SHARE, checkFields, fail, oneOf, wholeWithin } from './sandbox-check.ts';
import type { FaultKind } from './faults.ts';
import { FAULT_KINDS } from './faults.ts';

/**
 * `refuse` stops listening and closes every connection; `drop` closes a connection before the body is read;
 * `http` answers `status`; `code` answers every message with the gateway's `code`; `wrong-credentials`
 * knows no account. The others are the kinds of faults.ts.
 */
export type ChaosKind =
  'ok' | 'refuse' | 'drop' | 'http' | 'code' | 'wrong-credentials' | FaultKind;

const KINDS: readonly ChaosKind[] = [
  'ok',
  'refuse',
  'drop',
  'http',
  'code',
  'wrong-credentials',
  ...FAULT_KINDS,
];

export interface Chaos {
  readonly kind: ChaosKind;
  /** HTTP status of `http`; default 503. */
  readonly status?: number;
  /** `Retry-After` of `http`, seconds; default 1 with 429, else none. */
  readonly retryAfter?: number;
  /** Gateway code of `code`; default 5. */
  readonly code?: number;
  /** The request is processed as usual, and only its answer is spoiled. Default false: nothing is accepted. */
  readonly accept?: boolean;
  /** Share of the requests with the fault, 0 to 1; default 1. Not for `refuse`. */
  readonly probability?: number;
  /** Duration of the step, ms. */
  readonly forMs?: number;
}

/** A step, its kind alone, or an HTTP status as three digits; or a list of such. */
export type ChaosOption = Chaos | string | readonly (Chaos | string)[];

const FIELDS: Readonly<Record<keyof Chaos, ValueCheck>> = {
  kind: oneOf(KINDS),
  status: wholeWithin(200, 599),
  retryAfter: wholeWithin(0, 86_400),
  code: wholeWithin(0, 999),
  accept: FLAG,
  probability: SHARE,
  forMs: AMOUNT,
};

function checkStep(path: string, value: unknown): Chaos {
  if (typeof value === 'string' && /^[2-5]\d\d$/.test(value)) {
    return { kind: 'http', status: Number(value) };
  }
  const step = typeof value === 'string' ? { kind: value } : value;
  const checked = checkFields(path, step, FIELDS);
  if (checked['kind'] === undefined) fail(`${path}.kind`, oneOf(KINDS).expected, undefined);
  return checked as unknown as Chaos;
}

/** The steps of a plan. Throws SandboxOptionError. */
export function checkChaos(path: string, value: unknown): readonly Chaos[] {
  if (!Array.isArray(value)) return [checkStep(path, value)];
  return value.map((step: unknown, index) => checkStep(`${path}[${index}]`, step));
}

/** Whether the plan closes the sandbox and never opens it again. */
export function isShutForGood(steps: readonly Chaos[]): boolean {
  const stays = steps.find((step) => step.forMs === undefined);
  return stays?.kind === 'refuse';
}

const WELL: Chaos = { kind: 'ok' };

export class ChaosPlan {
  readonly #random: () => number;
  readonly #onStep: (step: Chaos) => Promise<void>;
  #steps: readonly Chaos[] = [];
  #current: Chaos = WELL;
  #timer: NodeJS.Timeout | null = null;

  /** `onStep` is called when a step begins. */
  constructor(random: () => number, onStep: (step: Chaos) => Promise<void>) {
    this.#random = random;
    this.#onStep = onStep;
  }

  get steps(): readonly Chaos[] {
    return this.#steps;
  }

  /** Replaces the old plan; resolves when the first step is in force. */
  async play(steps: readonly Chaos[]): Promise<void> {
    this.stop();
    this.#steps = steps;
    await this.#begin(0);
  }

  /** The fault of the next request; null = none. */
  pick(): Chaos | null {
    const step = this.#current;
    if (step.kind === 'ok' || step.kind === 'refuse') return null;
    const { probability = 1 } = step;
    return probability >= 1 || this.#random() < probability ? step : null;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #begin(index: number): Promise<void> {
    const step = this.#steps[index] ?? WELL;
    this.#current = step;
    if (step.forMs !== undefined) {
      // If the port is lost, this rejects unhandled on purpose: the sandbox cannot go on.
      this.#timer = setTimeout(() => void this.#begin(index + 1), step.forMs);
    }
    await this.#onStep(step);
  }
}
