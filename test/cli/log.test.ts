/** `log` as its users run it: where it reads, what it leaves out, and what it follows. */
import { appendFileSync, chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync, type ChildProcess } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LOG, SAMPLE } from '../log/sample.ts';
import { Program } from './program.ts';

type Line = Readonly<Record<string, unknown>>;

function setup(isLogged = true): Program {
  const program = new Program(
    `[log]\nfile = "status.log"\n[accounts.main]\napi_key = "abcd1234"\napi_secret = "x"\n`,
  );
  onTestFinished(() => program[Symbol.dispose]());
  if (isLogged) program.write('status.log', LOG);
  return program.init();
}

async function seqs(program: Program, ...args: readonly string[]): Promise<readonly unknown[]> {
  const { stdout, stderr, code } = await program.run(['log', '--json', ...args]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return linesIn(stdout).map(({ seq }) => seq ?? null);
}

function linesIn(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** Resolves when the process has said this. */
function said(child: ChildProcess, what: string): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes(what)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended before it said ${what}: ${text}`)));
  });
}

describe('log', () => {
  it('log shows the last lines of the log file, without colours where nobody looks', async () => {
    const { stdout, code } = await setup().run(['log', '-n', '2']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^── 2026-11-24 ─+\n09:15:05 .*\n09:15:06 .*\n +evil.*\n +status 3\n$/);
  });

  it('log leaves out what is not asked for; conditions add up', async () => {
    const program = setup();
    expect(await seqs(program)).toEqual([null, 1, 2, 3, 4, 5]);
    expect(await seqs(program, '--message', '41')).toEqual([1]);
    expect(await seqs(program, '--reference', 'order-10')).toEqual([2]);
    expect(await seqs(program, '--sender', '12015550123')).toEqual([4]);
    expect(await seqs(program, '--state', 'retry')).toEqual([2]);
    expect(await seqs(program, '--since', '2026-11-23T09:15:04Z')).toEqual([3, 4, 5]);
    expect(await seqs(program, '--until', '2026-11-23T09:15:03Z', '-n', '1')).toEqual([1]);
    expect(await seqs(program, '--sender', 'AcmeInc', '--state', 'retry')).toEqual([2]);
    program.exec(
      `WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 42)
       INSERT INTO messages (recipient, text, campaign)
       SELECT '447700900000', 'x', iif(id = 42, 'autumn', 'spring') FROM n`,
    );
    expect(await seqs(program, '--campaign', 'autumn')).toEqual([2]);
  });

  it('log lets no control character pass', async () => {
    const program = setup();
    for (const args of [[], ['--json']]) {
      const { stdout } = await program.run(['log', ...args]);
      expect(stdout).not.toMatch(/(?!\n)\p{Cc}/u);
    }
  });

  it('log reads the events of the spool where there is no file', async () => {
    const program = setup(false);
    program.exec(
      `INSERT INTO messages (recipient, text, reference) VALUES ('447700900000', 'x', 'r');
       INSERT INTO events (at, message_id, account, sender, event, from_state, to_state, reason)
       VALUES (1795425300, 1, 'main', 'AcmeInc', 'message.expired', 'queued', 'expired', 'late'),
         (1795425301, NULL, 'main', NULL, 'account.paused', NULL, 'paused', 'operator')`,
    );
    const { stdout } = await program.run(['log', '--json']);
    const [first, second] = linesIn(stdout);
    expect(first).toEqual({
      ...{ level: 'warn', time: '2026-11-23T09:15:00.000Z', event: 'message.expired', seq: 1 },
      ...{ id: 1, reference: 'r', account: 'main', sender: 'AcmeInc', recipient: '4477…000' },
      ...{ from: 'queued', to: 'expired', reason: 'late' },
    });
    expect(second).toMatchObject({ event: 'account.paused', seq: 2, account: 'main' });
    expect(await seqs(program, '--message', '1')).toEqual([1]);
  });

  it('log follows the file by its name', async () => {
    const program = setup();
    const child = program.start(['log', '-f', '-n', '1', '--json']);
    await said(child, '"seq":5');
    const file = join(program.folder, 'status.log');
    renameSync(file, `${file}.1`);
    appendFileSync(`${file}.1`, `${JSON.stringify({ ...SAMPLE[1], seq: 6 })}\n`);
    writeFileSync(file, `${JSON.stringify({ ...SAMPLE[1], seq: 7 })}\n`);
    await said(child, '"seq":7');
    child.kill();
  });

  it('log reads what was rotated away through standard input, compressed or not, in little memory', async () => {
    const program = setup();
    const line = JSON.stringify({ ...SAMPLE[1], id: 7, reference: 'x'.repeat(200) });
    program.write('status.log.2.gz', gzipSync(`${line}\n`.repeat(100_000)));
    program.write('status.log.1', `${JSON.stringify({ ...SAMPLE[1], seq: 0 })}\n`);
    program.write('status.log', LOG);
    const help = await program.run(['log', '--help']);
    const [, shown = ''] = /\$ (zcat -f .*) \|/.exec(help.stdout) ?? [];
    const input = execFileSync('sh', ['-c', shown], {
      cwd: program.folder,
      maxBuffer: 100_000_000,
    });
    const read = async (...args: readonly string[]) => {
      const env = { NODE_OPTIONS: '--max-old-space-size=24' };
      const all = ['log', '-', '--json', ...args];
      const { stdout, stderr, code } = await program.run(all, { env, input });
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
      return linesIn(stdout).map(({ seq }) => seq ?? null);
    };
    expect((await read('--message', '7')).length).toBe(100_000);
    expect((await read()).length).toBe(100_007);
    expect((await read('-n', '7')).slice(-7)).toEqual([0, null, 1, 2, 3, 4, 5]);
    expect(await read('-f', '--since', '2026-11-23T09:15:04Z')).toEqual([3, 4, 5]);
  });

  it('log reads standard input to its last line, which may have no line break', async () => {
    const input = `${JSON.stringify(SAMPLE[1])}\n${JSON.stringify(SAMPLE[2])}`;
    const { stdout } = await setup().run(['log', '-', '--json'], { input });
    expect(linesIn(stdout).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('log follows the spool', async () => {
    const program = setup(false);
    const insert = `INSERT INTO events (at, account, event) VALUES (1795425300, 'main', 'account.limit')`;
    program.exec(insert);
    const child = program.start(['log', '-f', '--spool', '--json']);
    await said(child, '"seq":1');
    program.exec(insert);
    await said(child, '"seq":2');
    child.kill();
  });

  it('log reads and follows the journal without a gap', async () => {
    const program = setup();
    const entry = (index: number): string =>
      JSON.stringify({ MESSAGE: JSON.stringify(SAMPLE[index]), __CURSOR: `s=${index}` });
    const journalctl = program.write(
      'journalctl',
      `#!/bin/sh
case "$*" in
"-u sms-spoold -q --no-pager -r -o json --output-fields=MESSAGE")
cat <<'END'
${entry(2)}
${entry(1)}
END
;;
"-u sms-spoold -q --no-pager -f -o cat -n all --after-cursor=s=2")
cat <<'END'
${JSON.stringify(SAMPLE[3])}
END
;;
*) echo "$*" >&2; exit 1 ;;
esac
`,
    );
    chmodSync(journalctl, 0o755);
    const PATH = `${program.folder}:${process.env['PATH'] ?? ''}`;
    const { stdout, stderr } = await program.run(['log', '--journal', '-f', '--json'], {
      env: { PATH },
    });
    expect(stderr).toBe('');
    expect(linesIn(stdout).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it('log says what is wrong with what it was asked', async () => {
    const program = setup();
    const missing = await program.run(['log', '--file', 'nowhere.log']);
    expect(missing).toMatchObject({ code: 64, stdout: '' });
    expect(missing.stderr).toMatch(/^sms-spoold: the log file cannot be read: .*nowhere\.log/);
    expect((await program.run(['log', '--since', 'yesterday'])).code).toBe(64);
    const two = await program.run(['log', '-', '--journal']);
    expect(two).toMatchObject({ code: 64, stdout: '' });
    expect(two.stderr).toMatch(/- cannot be used with --file, --journal or --spool/);
    const none = await program.run(['log', '--journal'], { env: { PATH: program.folder } });
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toMatch(/^sms-spoold: journalctl cannot be run/);
  });
});
