/** What `check` says of secrets: all checks run, and each remedy is the one that helps. */
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Ownership } from '../../src/spool/file/ownership.ts';
import { Program } from './program.ts';
import { ownFolderOf } from '../support/spool.ts';

interface Found {
  readonly verdict: string;
  readonly subject: string;
  readonly found: string;
  readonly remedy: string | null;
}

let program: Program;
beforeEach(() => {
  program = new Program(account('main', '{ env = "THE_SECRET" }', CLOSED)).init();
});
afterEach(() => program[Symbol.dispose]());

const CLOSED = 'http://127.0.0.1:9';

function account(name: string, secret: string, baseUrl: string): string {
  return `[accounts.${name}]\napi_key = "abcd1234"\napi_secret = ${secret}\nsender = "AcmeInc"\nbase_url = "${baseUrl}"\n`;
}

function configure(secret: string): void {
  write(account('main', secret, CLOSED));
}

/** Accounts a0, a1 …, one for each secret. */
function configureAll(secrets: readonly string[], baseUrl = CLOSED): void {
  write(secrets.map((secret, index) => account(`a${index}`, secret, baseUrl)).join('\n'));
}

function write(accounts: string): void {
  program.write('sms-spoold.toml', `[spool]\npath = "spool.db"\n${accounts}`);
}

async function check(
  env: Readonly<Record<string, string>> = {},
  ...args: readonly string[]
): Promise<readonly Found[]> {
  const { stdout } = await program.run(['check', '--json', ...args], { env });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Found);
}

const about = (found: readonly Found[], text: string): Found | undefined =>
  found.find((one) => `${one.subject} ${one.found}`.includes(text));

/** A gateway that refuses every secret. */
async function refusing(): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(401).end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
}

describe('check', () => {
  it('check runs all its checks though a secret cannot be read', async () => {
    const found = await check({}, '--offline');
    expect(about(found, 'THE_SECRET')).toMatchObject({ verdict: 'fail' });
    for (const subject of ['spool', 'journal mode', 'disk space', 'receipts', 'status log']) {
      expect(found.map((one) => one.subject)).toContain(subject);
    }
    const asked = await check();
    expect(about(asked, 'its secret could not be read')).toMatchObject({ subject: 'account main' });
  });

  it('check has a remedy of its own for each way in which a secret cannot be read', async () => {
    mkdirSync(join(program.folder, 'folder'));
    program.write('empty', '');
    program.write('two-lines', 'one\ntwo\n');
    program.write('latin1', Buffer.from([0xe9, 0x0a]));
    const expected = [
      ['{ env = "THE_SECRET" }', 'set the variable'],
      ['{ file = "none" }', 'install -m 0600 /dev/stdin'],
      ['{ file = "folder" }', 'name the file in it'],
      ['{ file = "empty" }', 'write the secret there'],
      ['{ file = "two-lines" }', 'keep the one line'],
      ['{ file = "latin1" }', 'one line of plain text'],
      ['{ credential = "api-secret" }', 'sudo sms-spoold check'],
    ] as const;
    configureAll(expected.map(([secret]) => secret));
    const found = await check({}, '--offline');
    for (const [index, [secret, words]] of expected.entries()) {
      const remedy = about(found, `accounts.a${index}.api_secret`)?.remedy;
      expect(remedy, secret).toContain(words);
      expect(remedy, secret).not.toContain('every key is explained');
    }
  });

  it.skipIf(process.getuid?.() === 0)(
    'check says how to read a file that this user may not',
    async () => {
      chmodSync(program.write('shut', 'secret\n'), 0);
      configure('{ file = "shut" }');
      const flaw = about(await check({}, '--offline'), 'accounts.main.api_secret');
      expect(flaw?.remedy).toMatch(/run it as root: sudo sms-spoold check.*usermod -aG/);
    },
  );

  it('check says what is odd about a secret, and says it where the secret is refused', async () => {
    const expected = [
      ['"sekret-0001"', 'begins and ends with quotes'],
      [`'sekret-0001'`, 'begins and ends with quotes'],
      ['sekret-0001 ', 'ends with a blank'],
      [' sekret-0001', 'begins with a blank'],
      ['sekret\u200b0001', 'holds an invisible character'],
      ['"sekret-0001', 'begins with a quote'],
    ] as const;
    configureAll(
      expected.map((_one, index) => `{ env = "SECRET_${index}" }`),
      await refusing(),
    );
    const env = expected.map(([secret], index) => [`SECRET_${index}`, secret] as const);
    const found = await check(Object.fromEntries(env));
    for (const [index, [secret, words]] of expected.entries()) {
      const odd = about(found, `accounts.a${index}.api_secret ${words}`);
      expect(odd, secret).toMatchObject({ verdict: 'warn' });
      const refused = found.find(
        ({ subject, verdict }) => subject === `account a${index}` && verdict === 'fail',
      );
      expect(refused?.remedy, secret).toContain(words);
    }
    expect(JSON.stringify(found)).not.toContain('sekret');
  });

  it('check takes a secret file with a byte order mark, a carriage return and blank lines at its end', async () => {
    program.write('secret', '\ufeffsekret-0001\r\n\r');
    configure('{ file = "secret" }');
    const found = await check({}, '--offline');
    expect(found.filter(({ subject }) => subject === 'secrets')).toEqual([
      expect.objectContaining({ remedy: expect.stringContaining('chmod') as string }),
    ]);
  });

  it('check says that a proxy of the environment is not used', async () => {
    const found = await check({ THE_SECRET: 'secret', HTTPS_PROXY: 'http://127.0.0.1:3128' });
    expect(about(found, 'HTTPS_PROXY is set')).toMatchObject({ subject: 'proxy', verdict: 'warn' });
    expect(about(await check({ THE_SECRET: 'secret' }), 'proxy')).toBeUndefined();
  });
});

describe('check', () => {
  it('check says what the daemon has where a secret changed after it was read', async () => {
    program.write('api-secret', 'secret\n');
    const began = Date.now() / 1000 - 600;
    program.exec(`INSERT OR REPLACE INTO spool (name, value)
      VALUES ('run-times', json_object('began_at', ${began}, 'read_at', ${began + 60}))`);
    const daemon = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
    onTestFinished(() => daemon.release());
    const env = { CREDENTIALS_DIRECTORY: program.folder };
    for (const [secret, command] of [
      ['{ credential = "api-secret" }', 'systemctl restart sms-spoold'],
      ['{ file = "api-secret" }', 'systemctl reload sms-spoold'],
    ] as const) {
      configure(secret);
      const flaw = about(await check(env, '--offline'), 'it still has what was there before');
      expect(flaw).toMatchObject({ verdict: 'warn', subject: 'secrets' });
      expect(flaw?.remedy).toContain(command);
    }
    program.exec(`UPDATE spool SET value = json_object('began_at', ${began}, 'read_at', unixepoch() + 60.0)
      WHERE name = 'run-times'`);
    expect(about(await check(env, '--offline'), 'still has')).toBeUndefined();
  });
});
