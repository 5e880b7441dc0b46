/** Names that stand for two things: base names of files, and types declared in more than one file. */
import { basename } from 'node:path';
import ts from 'typescript';
import type { Source } from '../support/sources.ts';

/** Files at the top of `src/`. */
export function looseFiles(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => /^src\/[^/]+\.ts$/.test(path));
}

/** Each base name that two or more files have, with the files. */
export function fileNamesTwice(paths: readonly string[]): readonly string[] {
  return twice(paths.map((path) => [basename(path), path]));
}

/** Each name of an interface, a type alias or a class that two or more files declare at their top level. */
export function typeNamesTwice(
  sources: readonly Source[],
  which: 'all' | 'exported' = 'all',
): readonly string[] {
  return twice(
    sources.flatMap(({ path, tree }) => {
      const names = tree.statements.filter(isType).filter((node) => {
        return which === 'all' || isExported(node);
      });
      return [...new Set(names.map((node) => node.name?.text ?? ''))].map(
        (name): [string, string] => [name, path],
      );
    }),
  );
}

type TypeDeclaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration | ts.ClassDeclaration;

function isType(node: ts.Statement): node is TypeDeclaration {
  return (
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node)
  );
}

function isExported({ modifiers }: TypeDeclaration): boolean {
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

function twice(named: readonly (readonly [string, string])[]): readonly string[] {
  return [...Map.groupBy(named, ([name]) => name)]
    .filter(([, places]) => places.length > 1)
    .map(([name, places]) => `${name}: ${places.map(([, path]) => path).join(', ')}`)
    .toSorted();
}
