/**
 * A hostile member of the spool's group against the daemon and the commands: nothing outside the spool's folder is
 * created, changed or sent anywhere, no secret leaves, no escape sequence reaches a terminal, and each process refuses
 * with a word, or goes on.
 *
 * The daemon runs as one of root and the daemon's user and the commands as the other, alternating from attempt to
 * attempt: root gives up its rights before it opens the spool, so both do the same from there on. What is read before that (configuration) or named by it (log,
 * archive, backup) is tried as both. An attempt on one of these files runs the commands that open that file.
 *
 * A start costs more than a command, so the commands run in one process, one after the other, through the function
 * that the program runs. Only the first of root's has the rights of root: which one it is changes from attempt to
 * attempt. They run while the daemon runs, or after it has refused. The daemon has a process of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { ATTEMPTS, type Attempt } from './attempts.ts';
import { Member } from './member.ts';
import { DAEMON, missing, ROOT, type User } from './users.ts';
import { ASKED, SECRET, World, type Ground, type Said } from './world.ts';

type Args = readonly string[];

const CHECK: Args = ['check', '--offline'];
const COMMANDS: readonly Args[] = [
  ['init'],
  CHECK,
  ['list', '--json'],
  ['list'],
  ['show', '1'],
  ['stats'],
  ['top', '--once'],
  ['log', '--spool'],
  ['log', '-n', '5'],
  archive(`../out/${ASKED}archive.db`),
  ['backup', `../out/${ASKED}backup.db`],
];
/* What a person's terminal would obey: C0 without line ends and tabs, DEL, C1, and what turns or breaks lines. */
const OBEYED =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

const title = missing === null ? '' : ` (skipped: ${missing})`;

describe.skipIf(missing !== null)(
  `a hostile member of the group does no harm with${title}`,
  { concurrent: true, timeout: 180_000 },
  () => {
    const stack = new AsyncDisposableStack();
    let ground: Ground;
    beforeAll(async () => {
      const gateway = await startSandbox({ accounts: { k: { rate: null } } });
      stack.defer(() => gateway.close());
      const member = stack.use(new Member());
      const first = stack.use(new World({ gateway: gateway.url, member, template: null }));
      await first.build();
      ground = { gateway: gateway.url, member, template: first.spoolPath };
    });
    afterAll(() => stack.disposeAsync());

    it.each(ATTEMPTS.map((attempt, index) => ({ ...attempt, index })))(
      '$name',
      async ({ index, ...attempt }) => {
        await using world = await new World(ground).build();
        await attempt.before?.(world);
        world.remember();
        const said = await everything(world, attempt, index);
        expect(world.harm()).toEqual([]);
        for (const [what, one] of said) expectOrder(what, one);
        const words = [...said.values()].map(({ stdout, stderr }) => stdout + stderr).join('\n');
        if (attempt.named !== undefined) expect(words).toMatch(attempt.named);
        if (attempt.mustWork !== true) return;
        for (const [what, one] of said) expect(one, what).toMatchObject({ code: 0 });
        expect(words).toMatch(/daemon\.ready/);
      },
    );
  },
);

type AllSaid = ReadonlyMap<string, Said>;

async function everything(
  world: World,
  { against, during }: Attempt,
  index: number,
): Promise<AllSaid> {
  const said = new Map<string, Said>();
  const isConfigured = against !== 'configuration';
  const [first, second] = index % 2 === 0 ? [ROOT, DAEMON] : [DAEMON, ROOT];
  const ask = async (user: User, list: readonly Args[]): Promise<void> => {
    const answers = await world.commands(user, list, isConfigured);
    for (const [at, one] of answers.entries()) {
      said.set([user.uid, ...(list[at] ?? ['end'])].join(' '), one);
    }
    expect(answers.length).toBe(list.length);
  };
  const run = async (user: User, meanwhile: () => Promise<void>): Promise<void> => {
    said.set(`${user.uid} run`, await world.run(user, meanwhile, isConfigured));
  };
  const asBoth = async (list: readonly Args[]): Promise<void> => {
    await ask(first, rotated(list, index));
    await ask(second, rotated(list, index));
  };

  if (against === 'archive') await asBoth([archive(`${world.spool}/archive.db`)]);
  else if (against === 'backup') await asBoth([['backup', `${world.spool}/backup.db`]]);
  else if (against === 'log') {
    await run(first, () => ask(second, [['log', '-n', '5'], CHECK]));
    await run(second, () => ask(first, [['log', '-n', '5'], CHECK]));
  } else if (against === 'configuration') {
    await run(first, () => ask(second, rotated(COMMANDS, index)));
    await run(second, () => ask(first, rotated(COMMANDS, index)));
  } else if (during === undefined) {
    await run(first, () => ask(second, rotated(COMMANDS, index)));
  } else {
    await run(first, async () => {
      await during(world);
      await ask(second, [['stats'], ['top', '--once']]);
    });
    await ask(first, [CHECK]);
  }
  return said;
}

function archive(file: string): Args {
  return ['prune', '--older-than', '1s', '--archive', file];
}

function rotated(list: readonly Args[], by: number): readonly Args[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

function expectOrder(what: string, { code, signal, stdout, stderr }: Said): void {
  const text = stdout + stderr;
  const found = `${what}: ${String(code)} ${String(signal)} ${stderr}`;
  expect(signal, found).toBe(null);
  expect([0, 1, 64, 75, 78], found).toContain(code);
  expect(stderr, found).not.toMatch(/this is a bug|TypeError|RangeError|SyntaxError/);
  if (code !== 0) expect(text, found).not.toBe('');
  expect(text.includes(SECRET), found).toBe(false);
  const obeyed = OBEYED.exec(text);
  expect(
    obeyed === null
      ? null
      : JSON.stringify(text.slice(Math.max(0, obeyed.index - 40), obeyed.index + 20)),
    what,
  ).toBe(null);
}
