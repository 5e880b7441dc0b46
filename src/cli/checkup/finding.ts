/** One line of `check`: what was looked at, how it is, and what to do about it. */
export type Finding = Seen & (Passed | Flawed);

interface Seen {
  /** What was looked at, in a word or two. */
  readonly subject: string;
  /** How it is. */
  readonly found: string;
  /** Whether a daemon runs; only in the finding about that. */
  readonly daemon?: object;
}

interface Passed {
  readonly verdict: 'pass';
  readonly remedy: null;
}

interface Flawed {
  readonly verdict: 'warn' | 'fail';
  /** What to do: a sentence, or the command that mends it. */
  readonly remedy: string;
}

export function pass(subject: string, found: string): Finding {
  return { verdict: 'pass', subject, found, remedy: null };
}

/** Works, but should be known. */
export function warn(subject: string, found: string, remedy: string): Finding {
  return { verdict: 'warn', subject, found, remedy };
}

/** The daemon cannot work like this. */
export function fail(subject: string, found: string, remedy: string): Finding {
  return { verdict: 'fail', subject, found, remedy };
}
