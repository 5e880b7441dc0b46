/** Each completion is loaded into the real shell, and the shell is asked what it would offer. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProgram } from '../../../src/cli/program.ts';
import { completionOf, SHELLS, type Shell } from '../../../src/cli/run/completion.ts';
import { STATES } from '../../../src/core/message/message.ts';
import { outlineOf } from '../../../src/cli/manual/outline.ts';
import { Program } from '../program.ts';

const isThere = (shell: string): boolean =>
  spawnSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' }).status === 0;

/** Asks bash as it asks itself: the words of the line so far, split as readline does. */
const ASK_BASH = `
source "$1"; line=$2; complete -p sms-spoold >/dev/null || exit 9
words=\${line//=/ = }; read -ra COMP_WORDS <<<"$words"
[[ $line == *[[:space:]] ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_sms_spoold; printf '%s\\n' "\${COMPREPLY[@]}"`;

/** zsh completes in a terminal only: it gets one, and what it is about to offer is printed. */
const ASK_ZSH = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; autoload -Uz compinit && compinit -D -u; source \${(q)1}"
zpty -w z 'before() { print -- "<<<" }; after() { print -- ">>>"; exit }; compprefuncs=(before); comppostfuncs=(after)'
zpty -w z 'compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi; typeset -a hits; builtin compadd -A hits "$@"; print -rl -- $hits; builtin compadd "$@" }'
zpty -w z 'bindkey "^I" complete-word; zstyle ":completion:*" insert-tab false'
zpty -w z 'print READY'
zpty -r z line '*READY*READY*'
zpty -n -w z "$2"$'\\t'
zpty -r z line '*>>>*'
print -r -- "\${\${line#*<<<}%%>>>*}"
zpty -d z`;

const ASK_FISH = 'source $argv[1]; complete -C $argv[2]';

let folder = '';
const scripts = new Map<Shell, string>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sms-spoold-completion-'));
  for (const shell of SHELLS) {
    const path = join(folder, shell);
    writeFileSync(path, completionOf(shell, await makeProgram()));
    scripts.set(shell, path);
  }
  writeFileSync(join(folder, 'rows.csv'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the shell offers for the line, in its order. */
function offered(shell: Shell, line: string): readonly string[] {
  const script = scripts.get(shell) ?? '';
  const args: Readonly<Record<Shell, readonly string[]>> = {
    bash: ['--norc', '-c', ASK_BASH, 'bash', script, line],
    zsh: ['-f', '-c', ASK_ZSH, 'zsh', script, line],
    fish: ['--no-config', '-c', ASK_FISH, script, line],
  };
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8' };
  const asked = spawnSync(shell, args[shell], { cwd: folder, encoding: 'utf8', env });
  expect(asked.stderr).toBe('');
  expect(asked.status).toBe(0);
  return asked.stdout
    .split(/\r?\n/)
    .map((row) => row.split('\t')[0] ?? '')
    .filter((word) => word !== '');
}

const COMMANDS = (await outline()).commands.map(({ name }) => name);

async function outline() {
  return outlineOf(await makeProgram());
}

describe.each(SHELLS)('completion in %s', (shell) => {
  const there = isThere(shell);
  const test = it.skipIf(!there);
  const note = there ? '' : ` (${shell} is not installed)`;

  test(`offers every command, also after --config and its file${note}`, () => {
    expect(offered(shell, 'sms-spoold ').toSorted()).toEqual(COMMANDS.toSorted());
    expect(offered(shell, 'sms-spoold --config other.toml unsu')).toEqual(['unsuppress']);
  });

  test(`offers every option of a command, and those of the program${note}`, async () => {
    const send = (await outline()).commands.find(({ name }) => name === 'send');
    const names = (send?.options ?? []).flatMap(({ long }) => long ?? []);
    expect(names.length).toBeGreaterThan(10);
    const found = offered(shell, 'sms-spoold send --').map((word) => word.replace(/=$/, ''));
    expect(found).toEqual(expect.arrayContaining([...names, '--config', '--version']));
    expect(found).not.toContain('--state');
  });

  test(`offers what may be written for an option, and for an argument${note}`, () => {
    expect(offered(shell, 'sms-spoold list --state ').toSorted()).toEqual(STATES.toSorted());
    expect(offered(shell, 'sms-spoold completion ').toSorted()).toEqual(SHELLS.toSorted());
    const [one = ''] = offered(shell, 'sms-spoold list --state=ret');
    expect(one.replace('--state=', '')).toBe('retry');
  });

  test(`offers files where a file is meant, and nothing where an id or a number is${note}`, () => {
    expect(offered(shell, 'sms-spoold import ro')).toEqual(['rows.csv']);
    expect(offered(shell, 'sms-spoold --config ro')).toEqual(['rows.csv']);
    expect(offered(shell, 'sms-spoold show ')).toEqual([]);
    expect(offered(shell, 'sms-spoold list --limit ')).toEqual([]);
  });
});

describe('sms-spoold completion', () => {
  it('sms-spoold completion prints the script of the shell that is named, with no configuration at all', async () => {
    using program = new Program();
    for (const shell of SHELLS) {
      const { code, stdout, stderr } = await program.run(['completion', shell]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toBe(completionOf(shell, await makeProgram()));
    }
  });

  it('sms-spoold completion names the shells that there are when asked for another', async () => {
    using program = new Program();
    const { code, stderr } = await program.run(['completion', 'tcsh']);
    expect(code).toBe(64);
    expect(stderr).toContain('bash, zsh, fish');
  });
});
