/** The manual page says what --help says, and the formatters have nothing against it. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../src/cli/program.ts';
import { EXIT } from '../../../src/terminal/exit-codes.ts';
import { EXIT_CODES, factsOfHelp } from '../../../src/cli/manual/manual-facts.ts';
import { manPage } from '../../../src/cli/manual/man-page.ts';
import { outlineOf, type Outline } from '../../../src/cli/manual/outline.ts';
import { widestLine } from '../program.ts';

const EDITION = { version: '1.2.3', date: '2026-11-23' };

async function outline(): Promise<Outline> {
  const program = await makeProgram();
  program.configureOutput({ getOutHelpWidth: () => 80 });
  return outlineOf(program);
}

/** What a reader of the roff would see, near enough to look for words in it. */
function plain(roff: string): string {
  return roff
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\&', '')
    .replaceAll('\\e', '\\')
    .replaceAll(/\\\[u([0-9A-F]+)\]/g, (_all, code: string) =>
      String.fromCodePoint(Number.parseInt(code, 16)),
    );
}

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe('the manual page', () => {
  it('the manual page has every command with its description, arguments, options and examples', async () => {
    const made = await outline();
    const page = plain(manPage(made, EDITION));
    expect(made.commands.length).toBeGreaterThan(15);
    for (const command of made.commands) {
      expect(page).toContain(`.SS sms-spoold ${command.name}`);
      expect(page).toContain(command.description);
      for (const { name, words } of command.arguments) {
        expect(page).toContain(name.toUpperCase());
        expect(page).toContain(words);
      }
      for (const { long, words } of command.options) {
        if (long === '--help') continue;
        expect(page).toContain(long);
        expect(page).toContain(words);
      }
      for (const line of command.epilogue.split('\n')) expect(page).toContain(line.trim());
    }
  });

  it('the manual page names the version, the date, every exit code and where the configuration is looked for', async () => {
    const page = plain(manPage(await outline(), EDITION));
    expect(page).toContain('.TH SMS-SPOOLD 1 "2026-11-23" "sms-spoold 1.2.3"');
    expect(EXIT_CODES.map(([code]) => Number(code))).toEqual(Object.values(EXIT));
    const exitStatus = page.slice(page.indexOf('.SH EXIT STATUS'), page.indexOf('.SH SIGNALS'));
    for (const code of Object.values(EXIT)) expect(exitStatus).toContain(`.TP\n${code}\n`);
    for (const place of [
      '--config FILE',
      '$SMS_SPOOLD_CONFIG',
      '/etc/sms-spoold/sms-spoold.toml',
    ]) {
      expect(page).toContain(place);
    }
  });

  it('the manual page takes nothing for a request that begins with a point, an apostrophe or a backslash', () => {
    const program = {
      name: 'sms-spoold',
      group: '',
      summary: '',
      description: ".SH no\n'no\n\\fBno",
      arguments: [],
      options: [],
      epilogue: '',
    };
    const page = manPage({ program, commands: [] }, EDITION);
    expect(page).toContain("\n\\&.SH no\n\\&'no\n\\efBno\n");
  });

  it.skipIf(!isThere('mandoc'))(
    'the manual page is without fault for mandoc (where that is installed)',
    async () => {
      const input = manPage(await outline(), EDITION);
      const { stdout, status } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning'], {
        input,
        encoding: 'utf8',
      });
      expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
    },
  );

  it.skipIf(!isThere('groff'))(
    'the manual page is without fault for groff (where that is installed)',
    async () => {
      const input = manPage(await outline(), EDITION);
      const { stderr, stdout } = spawnSync('groff', ['-man', '-ww', '-Tutf8'], {
        input,
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(stdout).toContain('Without a command');
    },
  );
});

describe('--help', () => {
  it('--help takes at most 80 columns, for every command', async () => {
    const program = await makeProgram();
    program.configureOutput({ getOutHelpWidth: () => 80 });
    expect(widestLine(program.helpInformation())).toBeLessThanOrEqual(80);
    expect(widestLine(factsOfHelp())).toBeLessThanOrEqual(80);
    const made = outlineOf(program);
    for (const { epilogue } of [made.program, ...made.commands]) {
      expect(widestLine(epilogue)).toBeLessThanOrEqual(80);
    }
  });

  it('--help says what may be written and what holds otherwise, without quotation marks', async () => {
    const program = await makeProgram('list');
    const help = program.commands[0]?.helpInformation().replaceAll(/\s+/g, ' ') ?? '';
    expect(help).toContain('in this state, or one of these (queued, retry, sending,');
    expect(help).toContain('expired or cancelled)');
    expect(help).toContain('(default: 20)');
    const cancel = (await makeProgram('cancel')).commands[0]?.helpInformation() ?? '';
    expect(cancel).not.toContain('default: []');
  });
});
