/** What the documents are compared with, where no module says it in one place: it is read from the sources. */
import ts from 'typescript';
import { nodesOf, sourcesUnder } from './sources.ts';

const SRC = sourcesUnder('src');

/** The keys of a line: those that `fieldsOf` names, and those of `Details`. */
export function fieldsOfALine(): readonly string[] {
  const source = SRC.find(({ path }) => path.endsWith('/event-lines.ts'));
  const nodes = [...nodesOf(source!.tree)];
  const maker = nodes.find(
    (node) => ts.isFunctionDeclaration(node) && node.name?.getText() === 'fieldsOf',
  );
  const written = [...nodesOf(maker!)].find((node) => ts.isObjectLiteralExpression(node));
  const details = nodes.find(
    (node) => ts.isInterfaceDeclaration(node) && node.name.getText() === 'Details',
  ) as ts.InterfaceDeclaration;
  const names = [...written!.properties, ...details.members].map((one) => one.name?.getText());
  return [...new Set(names.filter((name) => name !== undefined))];
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
