/**
 * Estimates the phase of the gateway's fixed rate window from its throttle messages, and how unevenly requests
 * travel, which says how far from the edges of a window to stay. Of numbers only.
 *
 * A request sent at `startsAt` arrives, on average, as a window begins. So neither the gateway's clock nor the travel
 * time need be known.
 */
import type { WindowSchedule } from './meter.ts';

/** The margin at either end of a window, as a share of it: at least; if more is needed, nothing is aimed at. */
const MARGIN_MIN = 0.02;
const MARGIN_MAX = 0.15;
/** The margin in mean deviations of the round trip. */
const MARGIN_DEVIATIONS = 3.2;
const LATENCY_GAIN = 1 / 32;
/** Weight of one more text, at least: clocks drift. */
const PHASE_GAIN = 0.3;
/** If texts differ by more than this share of a window, the later one is right. */
const STEP = 0.2;

/** The window of a refused request, as the text of its answer tells it. */
export interface Sighting {
  /** When the permit of the refused request was used (monotonic ms). */
  readonly permitAtMs: number;
  readonly rttMs: number;
  /** From the refusal to the end of the window. */
  readonly leftMs: number;
  readonly intervalMs: number;
}

export class WindowPhase {
  #rttMs: number | null = null;
  #deviationMs = 0;
  #phase: { readonly startsAt: number; readonly intervalMs: number; readonly seen: number } | null =
    null;

  travelled(rttMs: number): void {
    if (this.#rttMs === null) {
      this.#rttMs = rttMs;
      this.#deviationMs = rttMs / 4;
      return;
    }
    const off = rttMs - this.#rttMs;
    this.#rttMs += off * LATENCY_GAIN;
    this.#deviationMs += (Math.abs(off) - this.#deviationMs) * LATENCY_GAIN;
  }

  saw({ permitAtMs, rttMs, leftMs, intervalMs }: Sighting): void {
    const slower = (rttMs - (this.#rttMs ?? rttMs)) / 2;
    const startsAt = permitAtMs + slower + leftMs;
    const known = this.#phase;
    if (known?.intervalMs !== intervalMs) {
      this.#phase = { startsAt, intervalMs, seen: 1 };
      return;
    }
    const off = startsAt - known.startsAt;
    const away = off - Math.round(off / intervalMs) * intervalMs;
    const isStep = Math.abs(away) > STEP * intervalMs;
    const seen = isStep ? 1 : known.seen + 1;
    const gain = isStep ? 1 : Math.max(PHASE_GAIN, 1 / seen);
    this.#phase = { startsAt: startsAt - away * (1 - gain), intervalMs, seen };
  }

  /** The length of the gateway's windows; null = not known. */
  get intervalMs(): number | null {
    return this.#phase?.intervalMs ?? null;
  }

  forget(): void {
    this.#phase = null;
  }

  /** The schedule for `count` requests in each window; null = the phase is not known, or the way too uneven. */
  schedule(count: number): WindowSchedule | null {
    if (this.#phase === null) return null;
    const { startsAt, intervalMs } = this.#phase;
    const marginMs = Math.max(MARGIN_DEVIATIONS * this.#deviationMs, MARGIN_MIN * intervalMs);
    if (marginMs > MARGIN_MAX * intervalMs) return null;
    return { startsAt, intervalMs, marginMs, count };
  }
}
