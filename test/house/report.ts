/** The table of the figures, as lines. */
import type { Figure } from './figures.ts';

export interface Asked {
  /** Figures whose places are shown; none: the table alone. */
  readonly names: readonly string[];
  /** The places of all figures are shown. */
  readonly isListed: boolean;
}

export interface Report {
  readonly lines: readonly string[];
  /** Whether every figure, or every one that was asked for, is within its bar. */
  readonly isMet: boolean;
}

/** Throws when a name is not that of a figure. */
export function reportOf(all: readonly Figure[], { names, isListed }: Asked): Report {
  const known = all.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`no figure is called "${unknown}"; there are ${known.join(', ')}`);
  }
  const figures = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  const isLong = isListed || names.length > 0;
  return {
    lines: [
      row('figure', 'is', 'bar', ''),
      ...figures.flatMap((figure) => [
        rowOf(figure),
        ...(isLong ? figure.places.map((place) => `    ${place}`) : []),
      ]),
    ],
    isMet: figures.every(isWithinBar),
  };
}

function isWithinBar({ places, bar }: Figure): boolean {
  return places.length <= bar;
}

function rowOf(figure: Figure): string {
  const { name, title, bar, places } = figure;
  const verdict = isWithinBar(figure) ? 'met' : 'missed';
  return row(`${title} (${name})`, String(places.length), String(bar), verdict);
}

function row(what: string, is: string, bar: string, verdict: string): string {
  return `${what.padEnd(64)}${is.padStart(6)}${bar.padStart(6)}  ${verdict}`.trimEnd();
}
