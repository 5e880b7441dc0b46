/**
 * The repository's own files, for tests about the code itself: their text, and for TypeScript their syntax
 * tree as the compiler sees it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Source {
  /** Relative to the repository, with forward slashes: `src/core/message/message.ts`. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** An import or re-export: static, dynamic, or of a type (`import('./a.ts').A`). */
export interface Import {
  readonly line: number;
  /** A file of ours (`src/core/message/message.ts`), a package (`undici`), or `node:fs`. */
  readonly target: string;
  readonly isOurs: boolean;
  /** As it is written. */
  readonly written: string;
}

/** Paths of all files under a folder of the repository, sorted. `root` is another checkout. */
export function filesUnder(folder: string, root = ROOT): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
}

export function textOf(path: string, root = ROOT): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Every TypeScript file under a folder. */
export function sourcesUnder(folder: string, root = ROOT): readonly Source[] {
  return filesUnder(folder, root)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => sourceOf(path, textOf(path, root)));
}

/** A file with its syntax tree, also one that exists only in a test. */
export function sourceOf(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
}

/** Every node of a file, parents first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of childrenOf(node)) yield* nodesOf(child);
}

/** The nodes directly below, without the tokens between them. */
export function childrenOf(node: ts.Node): readonly ts.Node[] {
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  return children;
}

/** `src/core/message/message.ts:12`, for messages. */
export function placeOf({ path, tree }: Source, node: ts.Node): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

export function importsOf({ path, tree }: Source): readonly Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(tree)) {
    const written = specifierOf(node);
    if (written === null) continue;
    const isOurs = written.startsWith('.');
    const target = isOurs
      ? join(dirname(path), written).replaceAll('\\', '/')
      : written.startsWith('node:')
        ? written
        : packageOf(written);
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.push({ target, isOurs, written, line });
  }
  return found;
}

function specifierOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const from = node.moduleSpecifier;
    return from !== undefined && ts.isStringLiteral(from) ? from.text : null;
  }
  if (ts.isImportTypeNode(node)) {
    const { argument } = node;
    const isText = ts.isLiteralTypeNode(argument) && ts.isStringLiteral(argument.literal);
    return isText ? argument.literal.text : null;
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword)
    return null;
  const [from] = node.arguments;
  return from !== undefined && ts.isStringLiteral(from) ? from.text : null;
}

function packageOf(written: string): string {
  const parts = written.split('/');
  return parts.slice(0, written.startsWith('@') ? 2 : 1).join('/');
}
