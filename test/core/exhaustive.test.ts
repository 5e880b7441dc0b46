/** A new state, verb or route does not compile in the places that must say what it means. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** List in the source → the member that is added to it, and the files that must not compile then. */
const CASES: readonly (readonly [string, readonly [string, RegExp], readonly string[]])[] = [
  [
    'state',
    ['src/core/message/message.ts', /(export const STATES = \[)/],
    [
      ...[
        'src/core/message/message.ts',
        'src/core/answer/next-step.ts',
        'src/core/stats/counters.ts',
      ],
      ...['src/dispatch/maintenance/janitor.ts', 'src/spool/schema/schema.ts'],
    ],
  ],
  [
    'verb',
    ['src/spool/write/control.ts', /(export const VERBS = \[)/],
    ['src/dispatch/maintenance/control-rows.ts', 'src/cli/options/control-request.ts'],
  ],
  [
    'route',
    ['src/core/answer/verdict.ts', /(export type Route = )/],
    ['src/core/answer/classify.ts', 'src/core/answer/explain.ts', 'src/core/answer/settle.ts'],
  ],
];

/* Of `files` those with an error, where the source of one file is another. */
function brokenAmong(files: readonly string[], path: string, source: string): readonly string[] {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    resolve(name) === join(ROOT, path)
      ? ts.createSourceFile(name, source, options.target ?? ts.ScriptTarget.ESNext)
      : getSourceFile(name, ...rest);
  const program = ts.createProgram(
    files.map((file) => join(ROOT, file)),
    options,
    host,
  );
  return files.filter((file) => {
    const parsed = program.getSourceFile(join(ROOT, file));
    if (parsed === undefined) throw new Error(`${file} does not exist`);
    return program.getSemanticDiagnostics(parsed).length > 0;
  });
}

it.each(CASES)(
  'a new %s does not compile until every place says what it means',
  (_what, [path, list], files) => {
    const source = readFileSync(join(ROOT, path), 'utf8');
    expect(brokenAmong(files, path, source)).toEqual([]);
    const isType = String(list).includes('type ');
    const changed = source.replace(list, isType ? `$1'foo' | ` : `$1'foo', `);
    expect(changed).not.toBe(source);
    expect(brokenAmong(files, path, changed)).toEqual(files);
  },
);
