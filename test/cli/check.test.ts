import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { Program, widestLine } from './program.ts';

const programs: Program[] = [];
function setup(account: Readonly<Record<string, string | number>>): Program {
  const lines = Object.entries(account).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const program = new Program(`[accounts.main]\n${lines.join('\n')}\n`);
  programs.push(program);
  return program;
}
afterEach(() => {
  for (const program of programs.splice(0)) program[Symbol.dispose]();
});

const account = { api_key: 'sandbox1', api_secret: 'sandbox-secret', sender: 'AcmeInc' };

it('check passes what is well, balance and limit included', async () => {
  await using sandbox = await startSandbox({ accounts: { sandbox1: { balance: 12.5, rate: 30 } } });
  const program = setup({ ...account, base_url: sandbox.url }).init();
  chmodSync(program.spoolPath, 0o660);
  const { code, stdout } = await program.run(['check']);
  expect(stdout).not.toMatch(/^fail/m);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^pass {2}spool permissions: mode 0660$/m);
  expect(stdout).toMatch(/^pass {2}journal mode: WAL$/m);
  expect(stdout).toMatch(/^pass {2}account main: .* takes the credentials$/m);
  expect(stdout).toMatch(/^pass {2}balance of main: 12\.50 EUR$/m);
  expect(stdout).toMatch(/^pass {2}limit of main: 30 requests\/s, as the account says$/m);
  expect(widestLine(stdout.replaceAll(program.folder, ''))).toBeLessThanOrEqual(80);
});

it('check warns of a secret in the file, a spool that everybody reads, and a rate above the limit', async () => {
  await using sandbox = await startSandbox({ accounts: { sandbox1: { balance: 12.5, rate: 30 } } });
  const program = setup({ ...account, base_url: sandbox.url, rate: 50 }).init();
  chmodSync(program.spoolPath, 0o644);
  const { code, stdout } = await program.run(['check', '--json']);
  expect(code).toBe(0);
  const findings = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { verdict: string; subject: string; remedy: string | null });
  const warned = findings.filter(({ verdict }) => verdict === 'warn');
  expect(warned.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(['configuration', 'spool permissions', 'limit of main']),
  );
  expect(findings.every(({ verdict, remedy }) => (verdict === 'pass') === (remedy === null))).toBe(
    true,
  );
  expect(stdout).not.toContain('sandbox-secret');
});

it('check fails with a remedy when the credentials are wrong', async () => {
  await using sandbox = await startSandbox({});
  const program = setup({ ...account, api_secret: 'wrong', base_url: sandbox.url }).init();
  const { code, stdout } = await program.run(['check']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}account main: .*HTTP 401/m);
  expect(stdout).toMatch(/^ +→ Compare api_key and api_secret/m);
});

it('check fails when nobody answers', async () => {
  const sandbox = await startSandbox({});
  const { url } = sandbox;
  await sandbox.close();
  const { code, stdout } = await setup({ ...account, base_url: url })
    .init()
    .run(['check']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}account main: .*the connection was refused$/m);
});

it('check fails when there is no spool, and makes none', async () => {
  const program = setup(account);
  const { code, stdout } = await program.run(['check', '--offline']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}spool: there is none/m);
  expect(stdout).toContain('sms-spoold init');
  expect(statSync(program.spoolPath, { throwIfNoEntry: false })).toBeUndefined();
});

it('check fails for each problem of a configuration that cannot be used', async () => {
  const program = setup(account);
  program.write('sms-spoold.toml', '[accounts.main]\napi_key = 5\nratte = 3\n');
  const { code, stdout } = await program.run(['check']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}configuration: accounts\.main\.api_key: /m);
  expect(stdout).toMatch(/^fail {2}configuration: accounts\.main\.ratte: /m);
});

it('check fails when the spool has a trigger that is not part of the schema', async () => {
  const program = setup(account).init();
  program.exec(`CREATE TRIGGER theirs AFTER INSERT ON messages BEGIN SELECT 1; END`);
  const { code, stdout } = await program.run(['check', '--offline']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}spool: .*/m);
  expect(stdout).toContain('"theirs"');
});

it('check names each file that the wrong users may read or write, and a command that fixes it', async () => {
  const log = join(mkdtempSync(join(tmpdir(), 'sms-spoold-log-')), 'status.log');
  const program = setup(account).init();
  const config = program.write(
    'sms-spoold.toml',
    `[spool]\npath = "spool.db"\n[accounts.main]\napi_key = "abcd1234"\napi_secret = "secret"\n` +
      `[log]\nfile = "${log}"\n`,
  );
  const { spoolPath, folder } = program;
  writeFileSync(log, '');
  chmodSync(log, 0o646);
  chmodSync(config, 0o644);
  chmodSync(folder, 0o2770);
  chmodSync(spoolPath, 0o640);
  const { code, stdout } = await program.run(['--config', config, 'check', '--offline', '--json']);
  expect(code).toBe(1);
  const remedies = stdout
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { remedy: string | null }).remedy ?? []);
  expect(remedies).toContain(`chmod o= ${log}`);
  expect(remedies).toContain(`chmod 0660 ${spoolPath}`);
  expect(remedies.some((one) => one.includes('chmod') && one.includes(config))).toBe(true);
  for (const remedy of remedies.filter((one) => /^chmod/.test(one)))
    spawnSync('sh', ['-c', remedy]);
  const again = await program.run(['--config', config, 'check', '--offline']);
  expect(again.stdout).not.toMatch(/^fail/m);
  expect(again.code).toBe(0);
});
