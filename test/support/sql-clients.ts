/**
 * Three clients an application may write with: better-sqlite3, the `sqlite3` shell and Python's sqlite3.
 *
 * Each is the real program, the last two in a process of their own. A client that this machine does not have
 * says so in `missing`, for the title of the tests that are then skipped.
 */
import { spawnSync } from 'node:child_process';
import { devNull } from 'node:os';
import Sqlite from 'better-sqlite3';

export interface SqlClient {
  readonly name: string;
  /** Null when the client is there, else a clause for a title: why its tests are skipped. */
  readonly missing: string | null;
  /** Runs each statement on its own; gives its error text, or null where it went through. */
  readonly run: (path: string, statements: readonly string[]) => readonly (string | null)[];
}

const PYTHON = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
said = []
for statement in json.load(sys.stdin):
    try:
        db.execute(statement).fetchall()
        said.append(None)
    except sqlite3.Error as error:
        said.append(str(error))
print(json.dumps(said))
`;

function runLibrary(path: string, statements: readonly string[]): readonly (string | null)[] {
  using connection = disposable(new Sqlite(path));
  return statements.map((statement) => {
    try {
      connection.db.exec(statement);
      return null;
    } catch (error) {
      if (error instanceof Sqlite.SqliteError) return error.message;
      throw error;
    }
  });
}

function disposable(db: Sqlite.Database): Disposable & { readonly db: Sqlite.Database } {
  return { db, [Symbol.dispose]: () => void db.close() };
}

function runShell(path: string, statements: readonly string[]): readonly (string | null)[] {
  return statements.map((statement) => {
    const { status, stderr, error } = spawnSync('sqlite3', ['-batch', '-init', devNull, path], {
      input: `${statement};\n`,
      encoding: 'utf8',
    });
    if (error !== undefined) throw error;
    return status === 0 && stderr === '' ? null : stderr;
  });
}

function runPython(path: string, statements: readonly string[]): readonly (string | null)[] {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', PYTHON, path], {
    input: JSON.stringify(statements),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`python3 failed: ${stderr}`);
  return JSON.parse(stdout) as (string | null)[];
}

const works = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export const SQL_CLIENTS: readonly SqlClient[] = [
  { name: 'better-sqlite3', missing: null, run: runLibrary },
  {
    name: 'the sqlite3 shell',
    missing: works('sqlite3', ['-version']) ? null : 'there is no sqlite3 on the PATH',
    run: runShell,
  },
  {
    name: "Python's sqlite3",
    missing: works('python3', ['-c', 'import sqlite3'])
      ? null
      : 'there is no python3 with sqlite3 on the PATH',
    run: runPython,
  },
];
