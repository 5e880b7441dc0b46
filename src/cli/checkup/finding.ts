/** Defines one line of `check`: what was checked, what was found, and what to do about it. */
export interface Finding {
  /** `warn`: it works, but should be known; `fail`: the daemon cannot work like this. */
  readonly verdict: 'pass' | 'warn' | 'fail';
  /** What was checked, in a word or two. */
  readonly subject: string;
  readonly found: string;
  /** A sentence, or the command that repairs it; null = it passed. */
  readonly remedy: string | null;
  /** Whether a daemon runs; only in the finding about that. */
  readonly daemon?: object;
}

export function pass(subject: string, found: string): Finding {
  return { verdict: 'pass', subject, found, remedy: null };
}

export function warn(subject: string, found: string, remedy: string): Finding {
  return { verdict: 'warn', subject, found, remedy };
}

export function fail(subject: string, found: string, remedy: string): Finding {
  return { verdict: 'fail', subject, found, remedy };
}
