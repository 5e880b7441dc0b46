/**
 * Whatever `check` finds wrong, it says what to do about it: held for every place in src/cli/checkup/ that makes
 * such a finding, whichever situation leads there.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { nodesOf, placeOf, sourcesUnder, type Source } from '../../support/sources.ts';

const SOURCES = sourcesUnder('src/cli/checkup');
const MAKERS = 'src/cli/checkup/finding.ts';
/** Shorter than any command or sentence that helps. */
const REMEDY_MIN = 10;

interface Made {
  readonly source: Source;
  readonly call: ts.CallExpression;
}

/** Each call that makes a finding which is not a pass, also through a name that stands for both. */
function flaws(): readonly Made[] {
  return SOURCES.filter(({ path }) => path !== MAKERS).flatMap((source) =>
    [...nodesOf(source.tree)]
      .filter((node) => ts.isCallExpression(node))
      .filter(({ expression }) => ['fail', 'warn', 'verdict'].includes(expression.getText()))
      .map((call) => ({ source, call })),
  );
}

/** The texts that may end up in the place of an expression: those written there, or under its name. */
function textsOf(source: Source, node: ts.Node): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) return [node.getText()];
  if (ts.isConditionalExpression(node)) {
    return [node.whenTrue, node.whenFalse].flatMap((one) => textsOf(source, one));
  }
  if (ts.isElementAccessExpression(node)) return textsOf(source, node.expression);
  if (ts.isObjectLiteralExpression(node)) {
    return node.properties.flatMap((one) =>
      ts.isPropertyAssignment(one) ? textsOf(source, one.initializer) : [],
    );
  }
  const isNamed = (one: ts.Node): one is ts.VariableDeclaration =>
    ts.isVariableDeclaration(one) && one.name.getText() === node.getText();
  const named = ts.isIdentifier(node) ? [...nodesOf(source.tree)].filter(isNamed) : [];
  return named.flatMap(({ initializer }) =>
    initializer === undefined ? [] : textsOf(source, initializer),
  );
}

describe('a finding that is not a pass', () => {
  it('a finding that is not a pass is made in many places, each of which this test sees', () => {
    expect(flaws().length).toBeGreaterThan(20);
  });

  it('a finding that is not a pass is made by its constructor and by nothing else', () => {
    const others = SOURCES.filter(({ path }) => path !== MAKERS).flatMap((source) =>
      [...nodesOf(source.tree)]
        .filter((node) => ts.isObjectLiteralExpression(node))
        .filter(({ properties }) => properties.some(({ name }) => name?.getText() === 'verdict'))
        .map((node) => placeOf(source, node)),
    );
    expect(others).toEqual([]);
  });

  it('a finding that is not a pass has a remedy that says something, and something else than what was found', () => {
    const wrong = flaws().flatMap(({ source, call }) => {
      const [, found, remedy] = call.arguments;
      if (remedy === undefined) return [`${placeOf(source, call)}: no remedy`];
      const texts = textsOf(source, remedy);
      const short = texts.filter((text) => text.trim().length < REMEDY_MIN);
      const isSame = found !== undefined && found.getText() === remedy.getText();
      return short.length > 0 || isSame ? [`${placeOf(source, call)}: ${remedy.getText()}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('a finding that is not a pass has a remedy that can be read off the source nearly everywhere', () => {
    const read = flaws().filter(
      ({ source, call }) =>
        call.arguments[2] !== undefined && textsOf(source, call.arguments[2]).length > 0,
    );
    expect(read.length / flaws().length).toBeGreaterThan(0.7);
  });
});
