/** What the documents are compared with, where no module says it in one place: it is read from the sources. */
import ts from 'typescript';
import { nodesOf, sourcesUnder } from './sources.ts';

const SRC = sourcesUnder('src');

/** The properties of what `StatusLog.#line` hands to pino. */
export function fieldsOfALine(): readonly string[] {
  const source = SRC.find(({ path }) => path.endsWith('/status-log.ts'));
  const line = [...nodesOf(source!.tree)].find(
    (node) => ts.isMethodDeclaration(node) && node.name.getText() === '#line',
  );
  const written = [...nodesOf(line!)].find((node) => ts.isObjectLiteralExpression(node));
  return written!.properties.map((property) => property.name?.getText() ?? '');
}

/** Every environment variable that the program reads by its name; what builds the packages reads others. */
export function variablesRead(): readonly string[] {
  const read = /(?:\benv\[')([A-Z_]+)'\]|\{ ([A-Z_]+(?: = [^,}]+)?(?:, [A-Z_]+)*) \} = env\b/g;
  const ofProgram = SRC.filter(({ path }) => !path.startsWith('src/packaging/'));
  const names = ofProgram.flatMap(({ text }) =>
    [...text.matchAll(read)].flatMap(([, one, several]) =>
      one === undefined
        ? (several ?? '').split(', ').map((name) => name.replace(/ =.*/, ''))
        : [one],
    ),
  );
  return [...new Set(names)].toSorted();
}
