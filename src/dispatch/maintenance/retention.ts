/**
 * Deletes what is kept no longer while the daemon works: final messages, texts, old events and requests, used keys. It
 * deletes a slice at a time, inside a step that comes anyway or has nothing else to do.
 *
 * Always holds: a slice touches a bounded number of rows, and a step does one at most. A busy daemon does just enough
 * slices to keep up with what it sends, and sending does not wait for them.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Retention } from '../../spool/write/retention-deletes.ts';
import type { Participant, Work } from '../work.ts';

/** Messages of one slice, and the rows (theirs and those that belong to them) after which it ends. */
const MESSAGES = 50;
const ROWS_MAX = 500;
/** The same of a kind whose rows stand alone. */
const ROWS = 200;
const KEYS = 500;
/** Between two slices: where steps have room, and where each of them sends. */
const BREATH_MS = 4;
const BUSY_BREATH_MS = 25;
/** A slice is due as well when this number of attempts has ended: it takes more messages than that. */
const KEEP_UP = MESSAGES / 2;
/** When there was nothing to do. */
const LOOK_EVERY_MS = 1_000;
/** Rounds through all keys in the time that they are kept, and the bounds of the time between two. */
const KEY_ROUNDS = 50;
const KEYS_EVERY_MIN_S = 1;
const KEYS_EVERY_MAX_S = 6 * 3_600;
/** A text is forgotten this long after its time (seconds): two steps may have the same instant. */
const FORGET_SLACK_S = 1;
/** Requests that were done are kept at least this long (seconds): a resumed account's counts for its day. */
const CONTROL_MIN_S = 2 * 86_400;

type Task = (work: Work) => boolean;

export class Sweeper implements Participant {
  readonly #retention: Retention;
  readonly #policy: () => Pick<Policy, 'keep'>;
  readonly #noteLogged: () => void;
  readonly #tasks: readonly Task[];
  #hasForgotten = false;
  /** The same in the transaction that runs. */
  #hasBlanked = false;
  #next = 0;
  #hasMore = false;
  #ended = 0;
  #sweptAtMs = -Infinity;
  #lookAtMs = -Infinity;
  /** The last key that was looked at in this round; '' = the round begins. */
  #key: unknown = '';
  /** When the last round ended (Unix seconds); null = none has. */
  #keysAt: number | null = null;

  /** `noteLogged` writes how far the log has come: what is not in it is kept. */
  constructor(retention: Retention, policy: () => Pick<Policy, 'keep'>, noteLogged: () => void) {
    this.#retention = retention;
    this.#policy = policy;
    this.#noteLogged = noteLogged;
    this.#tasks = [this.#messages, this.#texts, this.#events, this.#control, this.#keys];
  }

  /** When a step is wanted for it (monotonic ms). */
  get wakeAtMs(): number {
    return this.#hasMore ? this.#sweptAtMs + BREATH_MS : this.#lookAtMs;
  }

  committed(): void {
    if (!this.#hasBlanked) return;
    this.#hasForgotten = true;
    this.#hasBlanked = false;
  }

  /** Nothing was taken away: the round of keys begins again. */
  rolledBack(): void {
    this.#hasBlanked = false;
    this.#hasMore = true;
    this.#key = '';
    this.#keysAt = null;
  }

  /** Whether texts were blanked or deleted since this was last asked: the -wal still has them. */
  takeForgotten(): boolean {
    const hasForgotten = this.#hasForgotten;
    this.#hasForgotten = false;
    return hasForgotten;
  }

  /** Does the next slice when it is time. The step has written the ends of `ended` attempts, and has room if it has
   *  nothing to send or to settle. */
  sweep(
    work: Work,
    { ended, hasRoom }: { readonly ended: number; readonly hasRoom: boolean },
  ): void {
    const { nowMs } = work;
    this.#ended += ended;
    if (!this.#hasMore && nowMs < this.#lookAtMs) return;
    const breathMs = hasRoom ? BREATH_MS : BUSY_BREATH_MS;
    if (nowMs < this.#sweptAtMs + breathMs && this.#ended < KEEP_UP) return;
    this.#sweptAtMs = nowMs;
    this.#ended = 0;
    this.#hasMore = this.#slice(work);
    if (!this.#hasMore) this.#lookAtMs = nowMs + LOOK_EVERY_MS;
  }

  /* Each task in its turn, until one has more to do: that is enough for one step. */
  #slice(work: Work): boolean {
    for (let count = 0; count < this.#tasks.length; count += 1) {
      const task = this.#tasks[this.#next];
      this.#next = (this.#next + 1) % this.#tasks.length;
      if (task?.(work) === true) return true;
    }
    return false;
  }

  readonly #messages = this.#aged((before, { removed }) => {
    const slice = { before, limit: MESSAGES, toldTo: this.#toldTo() };
    const { messages, hasMore } = this.#retention.prune(slice, ROWS_MAX);
    removed.push(...messages);
    this.#hasBlanked ||= messages.length > 0;
    return hasMore;
  });

  readonly #texts: Task = ({ now }) => {
    const { forgetTextAfterMs } = this.#policy().keep;
    if (forgetTextAfterMs === null) return false;
    const before = now - forgetTextAfterMs / 1000 - FORGET_SLACK_S;
    const { count, hasMore } = this.#retention.forget(before, ROWS);
    this.#hasBlanked ||= count > 0;
    return hasMore;
  };

  readonly #events = this.#aged((before) =>
    this.#retention.pruneLaneEvents({ before, limit: ROWS, toldTo: this.#toldTo() }),
  );

  readonly #control = this.#aged((before, { now }) =>
    this.#retention.pruneControl(Math.min(before, now - CONTROL_MIN_S), ROWS),
  );

  /* They have no order of age: all are looked through, in rounds. */
  readonly #keys: Task = ({ now }) => {
    const keysForS = this.#policy().keep.keysForMs / 1000;
    const everyS = Math.max(KEYS_EVERY_MIN_S, keysForS / KEY_ROUNDS);
    /* A clock that was set back delays nothing. */
    const passedS = this.#keysAt === null ? null : Math.abs(now - this.#keysAt);
    if (passedS !== null && passedS < Math.min(KEYS_EVERY_MAX_S, everyS)) return false;
    const last = this.#retention.pruneKeys(this.#key, now - keysForS, KEYS);
    this.#key = last ?? '';
    if (last !== null) return true;
    this.#keysAt = now;
    return false;
  };

  /* A task for what is older than the retention allows; it does nothing without one. */
  #aged(task: (before: number, work: Work) => boolean): Task {
    return (work) => {
      const { retentionMs } = this.#policy().keep;
      return retentionMs !== null && task(work.now - retentionMs / 1000, work);
    };
  }

  #toldTo(): number {
    this.#noteLogged();
    return this.#retention.toldTo(this.#policy().keep.notTold);
  }
}
