/** Terminal escapes in every column of a spool, and from whoever answers on the admin port. */
import { createServer } from 'node:http';
import Sqlite from 'better-sqlite3';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { statusWith } from '../support/status.ts';
import { fillWith, JUNK, UNSAFE } from '../support/junk.ts';
import { Program } from './program.ts';

const NO_DAEMON = `
[accounts.main]
api_key = "abcd1234"
api_secret = "the-secret"
sender = "AcmeInc"
[admin]
listen = "127.0.0.1:9"
`;

/** Message 1 is honest, message 2 and all other tables hold junk. */
function junkSpool(): Program {
  const program = new Program(NO_DAEMON).init();
  program.exec(`
    INSERT INTO messages (recipient, text) VALUES ('447700900001', 'honest'), ('447700900002', 'junk');
    INSERT INTO attempts (message_id, number, began_at, client_ref) VALUES (2, 1, 1.79e9, 'r');
    INSERT INTO parts (message_id, attempt, number, status) VALUES (2, 1, 1, 0);
    INSERT INTO receipts (received_at, message_id, attempt, raw, digest) VALUES (1.79e9, 2, 1, '', 'd');
    INSERT INTO receipts (received_at, raw, digest) VALUES (1.79e9, '', 'e');
    INSERT INTO events (at, message_id, event) VALUES (1.79e9, 2, 'message.queued');
    INSERT INTO accounts (name, since) VALUES ('main', 0);
    INSERT INTO senders (account, sender, since) VALUES ('main', 'AcmeInc', 0);
    INSERT INTO suppressions (recipient) VALUES ('447700900003');
    INSERT INTO control (verb, account) VALUES ('pause', 'main');
  `);
  /* A connection of our own would see that the triggers are gone, and refuse. */
  const db = new Sqlite(program.spoolPath);
  fillWith(db, JUNK, 2);
  db.close();
  return program;
}

const COMMANDS: readonly (readonly string[])[] = [
  ['list'],
  ['list', '--full', '--text'],
  ['list', '--unmatched', '--full'],
  ['show', '2'],
  ['show', '2', '--full', '--text'],
  ['why', '1', '2'],
  ['stats'],
  ['stats', '--lanes'],
  ['top', '--once'],
  ['log', '--spool'],
  ['suppressed', '--full'],
  ['prune', '--dry-run'],
  ['check', '--offline'],
  ['cancel', '2', '--wait', '0'],
  ['requeue', '2', '--wait', '0'],
  ['pause', JUNK, '--wait', '0'],
  ['resume', 'main', '--sender', JUNK, '--wait', '0'],
  ['suppress', JUNK],
  ['unsuppress', '447700900003'],
  ['send', JUNK, JUNK],
  ['send', '447700900004', 'x', '--send-at', JUNK],
  ['import', JUNK],
  ['list', '--state', JUNK],
  ['list', '--campaign', JUNK],
  ['log', '--file', JUNK],
  ['completion', JUNK],
  ['codes', JUNK],
  ['backup', `missing/${JUNK}`],
  [JUNK],
  ['--config', JUNK, 'list'],
];

/** Those of them that print JSON. */
const IN_JSON = COMMANDS.filter(([name = '']) =>
  ['list', 'show', 'why', 'stats', 'top', 'log', 'suppressed', 'prune', 'check'].includes(name),
).filter((args) => !args.includes(JUNK));

describe('junk in every column', () => {
  const program = junkSpool();
  afterAll(() => program[Symbol.dispose]());

  it.each(COMMANDS)('no invisible character leaves %j %j', async (...args) => {
    const { stdout, stderr } = await program.run(args);
    expect(stdout + stderr).not.toMatch(UNSAFE);
    expect(stdout + stderr).not.toMatch(/^sms-spoold: forged line/m);
    expect(stderr).not.toContain('this is a bug');
  });

  it.each(IN_JSON)('%j %j --json is one escaped document a line', async (...args) => {
    const { stdout, stderr } = await program.run([...args, '--json']);
    expect(stdout + stderr).not.toMatch(UNSAFE);
    expect(stderr).not.toContain('this is a bug');
    for (const line of stdout.trimEnd().split('\n')) JSON.parse(line);
  });

  it('--json gives the original text back', async () => {
    const { stdout } = await program.run(['show', '2', '--json', '--full', '--text']);
    const shown = JSON.parse(stdout) as Record<string, unknown>;
    expect(shown).toMatchObject({ reference: JUNK, recipient: JUNK, text: JUNK, reason: JUNK });
  });

  it('what stands in place of a date is never shown', async () => {
    const { stdout } = await program.run(['show', '2']);
    expect(stdout).toMatch(/^send at +\?$/m);
    expect(stdout).toMatch(/^\? .*attempt 1 began/m);
  });
});

/** A program whose admin port is bound by somebody who answers what he likes. */
async function boundByAStranger(answer: (spool: string) => string): Promise<Program> {
  const program = new Program().init();
  onTestFinished(() => program[Symbol.dispose]());
  const server = createServer((_request, response) => void response.end(answer(program.spoolPath)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const config = NO_DAEMON.replace('127.0.0.1:9', `127.0.0.1:${port}`);
  program.write('sms-spoold.toml', `[spool]\npath = "spool.db"\n${config}`);
  return program;
}

describe('top and a stranger on the admin port', () => {
  it('what a status says is escaped, a lone surrogate too', async () => {
    const text = `${JUNK} \ud800`;
    const program = await boundByAStranger((spool) => JSON.stringify(statusWith(spool, text)));
    for (const format of ['--once', '--json']) {
      const { code, stdout, stderr } = await program.run(['top', format]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toMatch(UNSAFE);
      expect(stdout).not.toContain('no daemon answers');
    }
  });

  it('a document that is no status is not shown', async () => {
    const program = await boundByAStranger((spool) =>
      JSON.stringify({ ...statusWith(spool, 'x'), at: JUNK }),
    );
    const { code, stdout, stderr } = await program.run(['top', '--once']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^sms-spoold: no daemon answers/);
    expect(stdout).not.toMatch(UNSAFE);
  });
});
