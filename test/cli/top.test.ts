/** `top`: one frame, one document, and in a real terminal until the reader leaves. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAIN, Program } from './program.ts';

const NO_DAEMON = `
[accounts.main]
api_key = "abcd1234"
api_secret = { env = "NOT_SET" }
sender = "AcmeInc"
rate = 30
[admin]
listen = "127.0.0.1:9"
`;

/** A spool with messages in several states, as a daemon left it. */
function leftBehind(): Program {
  const program = new Program(NO_DAEMON).init();
  onTestFinished(() => program[Symbol.dispose]());
  const drop = `INSERT INTO messages (recipient, text, sender, send_at)`;
  program.exec(`${drop} VALUES ('447700900001', 'a', NULL, NULL), ('447700900002', 'b', 'Shop', NULL),
    ('447700900003', 'c', 'Shop', unixepoch() + 9000.5), ('447700900004', 'd', NULL, NULL)`);
  program.exec(`UPDATE messages SET revision = revision + 1, state = 'permanent-failure', reason = 'invalid-message', status = 6
    WHERE id = 4`);
  program.exec(`INSERT INTO events (at, message_id, account, sender, event, from_state, to_state, reason)
    VALUES (unixepoch(), 4, 'main', 'AcmeInc', 'message.permanent-failure', 'sending', 'permanent-failure',
    'invalid-message')`);
  return program;
}

describe('top without a daemon', () => {
  it('top without a daemon says so and counts from the spool, in one frame where there is no terminal', async () => {
    const { code, stdout, stderr } = await leftBehind().run(['top']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^sms-spoold: no daemon answers/);
    expect(stdout).toContain('127.0.0.1:9 (admin.listen) does not answer; spool counted at');
    expect(stdout).toMatch(/queued 3 /);
    expect(stdout).toMatch(/^main\/Shop +2 +1 +1 +0 /m);
    expect(stdout).toMatch(/4 +permanent-failure +4477…004 +AcmeInc +invalid-message$/m);
    expect(stdout).not.toContain('447700900004');
    expect(stdout).not.toContain('\u001b');
  });

  it('top without a daemon gives the same as one JSON document', async () => {
    const { code, stdout } = await leftBehind().run(['top', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      source: 'spool',
      unready: 'no-daemon',
      states: { queued: 3, 'permanent-failure': 1 },
      failures: [{ id: 4, recipient: '4477…004', to: 'permanent-failure' }],
    });
  });

  it('top without a daemon is not misled by a daemon on another spool, or by what is no daemon', async () => {
    for (const answer of ['{"spool":"/elsewhere/spool.db","lanes":[]}', 'hello', '[1]']) {
      const server = createServer((_request, response) => void response.end(answer));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      const program = leftBehind();
      program.write(
        'sms-spoold.toml',
        `[spool]\npath = "spool.db"\n${NO_DAEMON.replace('127.0.0.1:9', `127.0.0.1:${port}`)}`,
      );
      const { stdout } = await program.run(['top', '--once']);
      expect(stdout).toMatch(/^sms-spoold: no daemon answers/);
      expect(stdout).toMatch(/queued 3 /);
    }
  });
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;

describe('top in a terminal', () => {
  it.skipIf(!hasTmux)(
    'top in a terminal fills it, follows its size, and gives it back at q (needs tmux)',
    async () => {
      const program = leftBehind();
      const tmux = (...args: readonly string[]): string =>
        execFileSync('tmux', ['-f', '/dev/null', '-S', join(program.folder, 'tmux'), ...args], {
          encoding: 'utf8',
          env: { ...process.env, TERM: 'screen', LC_ALL: 'C.UTF-8' },
        });
      const screen = (): string => tmux('capture-pane', '-p');
      const until = async (check: (text: string) => boolean): Promise<string> => {
        for (;;) {
          const text = screen();
          if (check(text)) return text;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const config = join(program.folder, 'sms-spoold.toml');
      const command = `${process.execPath} ${MAIN} --config ${config} top; echo "left with $?"; cat`;
      tmux('-u', 'new-session', '-d', '-x', '80', '-y', '30', 'sh');
      onTestFinished(
        () => void spawnSync('tmux', ['-S', join(program.folder, 'tmux'), 'kill-server']),
      );
      tmux('send-keys', `clear; echo before; ${command}`, 'Enter');
      const narrow = await until((text) => text.includes('FAILED'));
      expect(narrow.split('\n')[0]).toMatch(
        /^sms-spoold: no daemon answers {35,50}\d\d:\d\d:\d\d$/,
      );
      tmux('resize-window', '-x', '200', '-y', '40');
      const wide = await until((text) => (text.split('\n')[0] ?? '').length === 200);
      expect(wide).toContain('UNCERTAIN');
      tmux('send-keys', 'q');
      const after = await until((text) => text.includes('left with 0'));
      expect(after).toContain('before');
      expect(after).not.toContain('FAILED');
    },
  );
});
