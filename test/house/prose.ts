/** Faults of comments, texts and documents that a regular expression can find. */
import ts from 'typescript';
import type { Source } from '../support/sources.ts';
import { MANNERED } from './mannered.ts';

/** A piece of prose: a comment, a text of a program, or a whole document. */
export interface Prose {
  readonly path: string;
  /** The line of the file where it begins. */
  readonly line: number;
  readonly text: string;
}

export const LINE_MAX = 160;

const QUESTION_WORD = /^\/\*\*[\s*]*(?:What|How|Who|Whose|When|Where|Which|Why|Whether)\b/;

/** Whether the head comment of a file begins with a clause in place of a sentence. */
export function hasClauseAtHead(text: string): boolean {
  return QUESTION_WORD.test(text.replace(/^#!.*\n/, ''));
}

/** Lines of a document that no screen shows whole, rows of tables included. */
export function longLines({ path, text }: Pick<Prose, 'path' | 'text'>): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    return line.length > LINE_MAX ? [`${path}:${index + 1}: ${line.length} columns`] : [];
  });
}

/**
 * References to documents that are not in the repository: names of Markdown files that are not there, and
 * "the contract" or "contract §2" where `CONTRACT.md` is meant.
 */
export function danglingReferences(
  { path, text }: Pick<Prose, 'path' | 'text'>,
  documents: ReadonlySet<string>,
): readonly string[] {
  const names = new Set([...documents].map((document) => document.replace(/^.*\//, '')));
  return text.split('\n').flatMap((line, index) => {
    const missing = [...line.matchAll(/[\w./-]*\w\.md\b(?!\.)/g)]
      .map(([written]) => written)
      .filter((written) => !names.has(written.replace(/^.*\//, '')));
    const loose = line.match(/\bcontract(?= §)|\b(?:the|a|this) contract(?!s)\b/g) ?? [];
    return [...missing, ...loose].length > 0
      ? [`${path}:${index + 1}: ${[...missing, ...loose].join(', ')}`]
      : [];
  });
}

const PHRASES = new RegExp(
  `(?<![\\w-])(?:${MANNERED.map((phrase) => `(?:${phrase})`).join('|')})(?![\\w-])`.replaceAll(
    ' ',
    '\\s+',
  ),
  'gi',
);

/** Each mannered phrase, with its place. */
export function manneredPhrases({ path, line, text }: Prose): readonly string[] {
  return [...text.matchAll(PHRASES)].map((match) => {
    const before = text.slice(0, match.index).split('\n').length - 1;
    return `${path}:${line + before}: ${match[0].replaceAll(/\s+/g, ' ')}`;
  });
}

/** The comments and texts of a source file, with lines of a comment joined by a line break alone. */
export function proseOf({ path, text, tree }: Source): readonly Prose[] {
  const found: Prose[] = [];
  const add = (start: number, written: string): void => {
    found.push({ path, line: tree.getLineAndCharacterOfPosition(start).line + 1, text: written });
  };
  const seen = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const { pos, end } of commentsAt(text, node)) {
      if (seen.has(pos)) continue;
      seen.add(pos);
      add(pos, withoutMarks(text.slice(pos, end)));
    }
    if (isText(node)) add(node.getStart(tree), node.text);
    node.getChildren(tree).forEach(visit);
  };
  visit(tree);
  return found;
}

/** A document, or a file whose comments begin with `#`. */
export function proseOfDocument(path: string, text: string): Prose {
  return { path, line: 1, text: /\.md$/.test(path) ? text : text.replaceAll(/^# ?/gm, '') };
}

function commentsAt(text: string, node: ts.Node): readonly ts.CommentRange[] {
  return [
    ...(ts.getLeadingCommentRanges(text, node.pos) ?? []),
    ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
  ];
}

function withoutMarks(comment: string): string {
  return comment.replaceAll(/\n\s*(?:\*(?!\/)|\/\/)? ?/g, '\n');
}

type TextNode = ts.StringLiteralLike | ts.TemplateHead | ts.TemplateMiddle | ts.TemplateTail;

function isText(node: ts.Node): node is TextNode {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node)
  );
}
