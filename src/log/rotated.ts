/**
 * The log file and what was rotated away from it, as logrotate names it: numbered (`status.log.1`,
 * `status.log.2.gz`) or dated (`status.log-20261127`), compressed or not.
 *
 * Always holds: all are opened at one moment, as it were: what is renamed, compressed or deleted afterwards is
 * read all the same, and no line is there twice. A copy that is being made of the log file (copytruncate) is
 * none of its own.
 */
import { fstatSync, openSync, readdirSync, statSync, type Stats } from 'node:fs';
import { devNull } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../core/error-code.ts';
import { endOfLastLine, readAt } from './bytes.ts';
import { LogFile } from './file.ts';
import {
  isPacking,
  PackedPiece,
  PlainPiece,
  UnreadablePiece,
  type OnTrouble,
  type Piece,
} from './piece.ts';

/** What follows the name of the log file: a number, or what begins with a digit of a date; and a packing. */
const REST = /^(?:\.(\d{1,5})|[._-](\d[\dT_:-]*))(\.[a-z]\w*)?$/i;
/** A rotation takes moments: looked at again so often while one is going on. */
const LOOKS_MAX = 50;
/** Of the beginnings of two files that are compared; each line has its own time. */
const HEAD = 4_096;

/** One file that was rotated away. */
interface Rotated {
  readonly path: string;
  /** Its path without the packing. */
  readonly stem: string;
  /** Larger = older; null = it is dated. */
  readonly number: number | null;
  readonly date: string;
  /** '' = none. */
  readonly packing: string;
  readonly stats: Stats;
}

/** The log file as it is there and is followed, and what was rotated away from it, the newest first. */
export interface OpenedLog {
  readonly file: LogFile;
  /** Read from what `file` has open, which closes it. */
  readonly live: Piece;
  readonly rotated: readonly Piece[];
}

/** Whether something was rotated away from a file. */
export function isRotated(path: string): boolean {
  return rotatedFrom(path).length > 0;
}

/** Throws when the log file cannot be opened; where it is not there, there must be a rotated one. */
export function openLog(path: string, onTrouble: OnTrouble): OpenedLog {
  for (let looks = 1; ; looks += 1) {
    const before = rotatedFrom(path);
    const file = openFile(path, before, looks < LOOKS_MAX);
    if (file === null) continue;
    const { fd, end } = file.place;
    const live = new PlainPiece({ name: path, fd }, end, onTrouble);
    const rotated = piecesOf(before, file, onTrouble);
    const isStill = marksOf(rotatedFrom(path)) === marksOf(before) && isStillThere(path, file);
    if (isStill || looks >= LOOKS_MAX) return { file, live, rotated };
    for (const opened of [...rotated, file]) opened[Symbol.dispose]();
  }
}

/*
 * Without a line under this name, whoever writes may still write to the file that had it. `devNull`: there is
 * nothing to follow yet. Null = `mayBeGone`, and it is: a rotation has renamed or compressed it after it was found.
 */
function openFile(path: string, [newest]: readonly Rotated[], mayBeGone: boolean): LogFile | null {
  const found = statSync(path, { throwIfNoEntry: false });
  const isHere = newest === undefined || (found !== undefined && found.size > 0);
  const rotated = newest?.packing === '' ? newest.path : devNull;
  try {
    return new LogFile(path, isHere ? path : rotated);
  } catch (error) {
    if (mayBeGone && codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function isStillThere(path: string, file: LogFile): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (file.isCut) return false;
  return found === undefined || found.size === 0 || idOf(found) === idOf(file.stats);
}

function piecesOf(
  rotated: readonly Rotated[],
  file: LogFile,
  onTrouble: OnTrouble,
): readonly Piece[] {
  const pieces: Piece[] = [];
  const known = new Set([idOf(file.stats)]);
  for (const one of rotated) {
    if (known.has(idOf(one.stats))) continue;
    known.add(idOf(one.stats));
    const piece = pieceOf(one, file, onTrouble);
    if (piece !== null) pieces.push(piece);
  }
  return pieces;
}

/* Null = it is a copy of the log file. */
function pieceOf({ path, packing }: Rotated, file: LogFile, onTrouble: OnTrouble): Piece | null {
  if (packing !== '' && !isPacking(packing)) {
    return new UnreadablePiece(path, new Error(`${packing} cannot be unpacked here`), onTrouble);
  }
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    return new UnreadablePiece(path, error, onTrouble);
  }
  if (packing !== '') return new PackedPiece({ name: path, fd }, packing, onTrouble);
  const piece = new PlainPiece({ name: path, fd }, endOfLastLine(fd), onTrouble);
  if (!isCopy(fd, file)) return piece;
  piece[Symbol.dispose]();
  return null;
}

function isCopy(fd: number, { place }: LogFile): boolean {
  const length = Math.min(HEAD, place.end);
  if (length === 0 || fstatSync(fd).size < length) return false;
  return readAt(fd, 0, length).equals(readAt(place.fd, 0, length));
}

/* The newest first. Of a file and what is being made of it, the file. */
function rotatedFrom(path: string): readonly Rotated[] {
  const folder = dirname(path);
  const name = basename(path);
  const stems = new Map<string, Rotated>();
  for (const entry of entriesOf(folder)) {
    const found = entry.startsWith(name) ? rotatedAs(path, entry.slice(name.length)) : null;
    if (found === null) continue;
    if (found.packing === '' || !stems.has(found.stem)) stems.set(found.stem, found);
  }
  const all = [...stems.values()];
  const numbered = all.filter(({ number }) => number !== null);
  const dated = all.filter(({ number }) => number === null);
  return merge(
    numbered.toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0)),
    dated.toSorted((a, b) => (a.date < b.date ? 1 : -1)),
  );
}

/* Who may not list it may still read the log file. */
function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function rotatedAs(path: string, rest: string): Rotated | null {
  const [, number, date = '', packing = ''] = REST.exec(rest) ?? [];
  if (number === undefined && date === '') return null;
  const full = join(dirname(path), basename(path) + rest);
  const stats = statSync(full, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return null;
  const stem = full.slice(0, full.length - packing.length);
  return {
    path: full,
    stem,
    number: number === undefined ? null : Number(number),
    date,
    packing,
    stats,
  };
}

/* Where both ways of naming were in use, files of the two are compared by when they were written last. */
function merge(a: readonly Rotated[], b: readonly Rotated[]): readonly Rotated[] {
  const all: Rotated[] = [];
  const left = [...a];
  const right = [...b];
  for (;;) {
    const [one, other] = [left[0], right[0]];
    if (one === undefined || other === undefined) return [...all, ...left, ...right];
    const isFirst = one.stats.mtimeMs >= other.stats.mtimeMs;
    all.push(isFirst ? one : other);
    (isFirst ? left : right).shift();
  }
}

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function marksOf(rotated: readonly Rotated[]): string {
  return rotated.map(({ path, stats }) => `${path} ${idOf(stats)}`).join('\n');
}
