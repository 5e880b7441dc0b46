/** What each program of this folder is given, and how it answers: a line of JSON each time. */
import { createInterface } from 'node:readline';

export type Value = string | number | null;
export type Values = Readonly<Record<string, Value>>;

export interface Given {
  readonly path: string;
  /** Name and type of each column of `messages`. */
  readonly columns: Readonly<Record<string, string>>;
  readonly small: Values;
  readonly whole: Values;
  readonly bulk: readonly Values[];
  /** Inserted twice, with what the library has for rows that are there already. */
  readonly keyed: Values;
}

export function given(): Given {
  return JSON.parse(process.argv[2] ?? '') as Given;
}

export function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Waits until the test has moved the rows. */
export async function lineOfInput(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once('line', resolve));
  lines.close();
  process.stdin.pause();
}

/** The text of the error, or null where there was none. */
export async function attempt(work: () => unknown): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    const { cause, parent } = error as { readonly cause?: unknown; readonly parent?: unknown };
    return [error, cause, parent].join(' ');
  }
}
