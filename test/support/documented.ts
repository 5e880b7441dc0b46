/** What the documents are compared with, where no module says it in one place: it is read from the sources. */
import ts from 'typescript';
import { STATES } from '../../src/core/message.ts';
import { ACTIVE } from '../../src/core/gate.ts';
import {
  gateMoved,
  LEVELS,
  limitLearned,
  messageDoubled,
  throttled,
  unknownAccount,
} from '../../src/events.ts';
import { nodesOf, sourcesUnder } from './sources.ts';

const SRC = sourcesUnder('src');

/** The state that has no event: `attempts` tells of it. */
const WITHOUT_EVENT: readonly string[] = ['sending'];

const WHEN = { createdAt: 0, sendAt: null, nextAttemptAt: null };
const NOBODY = { id: 1, account: null, sender: null, recipient: '', reference: null, ...WHEN };

/** Every event of the status log with each level that its lines can have. */
export function eventsOfTheCode(): ReadonlyMap<string, ReadonlySet<string>> {
  const events = new Map<string, Set<string>>();
  const add = (event: string, level: string): void => {
    events.set(event, (events.get(event) ?? new Set()).add(level));
  };
  for (const state of STATES) {
    if (!WITHOUT_EVENT.includes(state)) add(`message.${state}`, LEVELS[state] ?? 'info');
  }
  const lanes = [null, 'AcmeInc'].flatMap((sender) => [
    throttled('main', sender, { at: 0, waitMs: 0, reason: 'throttled' }),
    ...(['suspended', 'resumed', 'paused'] as const).map((event) =>
      gateMoved('main', { sender, gate: ACTIVE, event, reason: null, detail: null }, 0),
    ),
  ]);
  const limits = [null, 40].map((configured) =>
    limitLearned('main', { at: 0, configured, limit: 30 }),
  );
  const doubled = messageDoubled(NOBODY, { state: 'delivered', at: 0 });
  for (const { row, level } of [...lanes, ...limits, doubled, unknownAccount('main', 0)]) {
    add(row.event, level);
  }
  for (const [event, level] of eventsSaid()) add(event, level);
  return events;
}

/** Each `log.say(level, event)`; a level that is chosen gives a pair for each. */
function eventsSaid(): readonly (readonly [string, string])[] {
  return SRC.flatMap(({ tree }) => [...nodesOf(tree)]).flatMap((node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
    const [level, event] = node.arguments;
    if (node.expression.name.text !== 'say' || level === undefined || event === undefined)
      return [];
    if (!ts.isStringLiteral(event) || !event.text.includes('.')) return [];
    return textsIn(level).map((text): readonly [string, string] => [event.text, text]);
  });
}

function textsIn(level: ts.Expression): readonly string[] {
  if (ts.isStringLiteral(level)) return [level.text];
  if (!ts.isConditionalExpression(level)) return [];
  return [...textsIn(level.whenTrue), ...textsIn(level.whenFalse)];
}

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
