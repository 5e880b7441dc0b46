import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program } from './program.ts';

const OUT_OF_REACH = `
[accounts.main]
api_key = "abcd1234"
api_secret = { env = "A_SECRET_OF_THE_SERVICE" }
sender = "AcmeInc"
[receipts]
signature_secret = { credential = "receipt-secret" }
`;

let program: Program;
beforeEach(() => {
  program = new Program(OUT_OF_REACH);
});
afterEach(() => program[Symbol.dispose]());

it('the command line lets every command that sends nothing work where secrets are out of reach', async () => {
  const file = program.write('some.csv', 'recipient,text\n447700900001,Hello\n');
  for (const args of [
    ['init'],
    ['send', '447700900000', 'Hello'],
    ['import', file],
    ['list'],
    ['show', '1'],
    ['stats'],
    ['codes', '29'],
    ['cancel', '1', '--wait', '0'],
    ['requeue', '1', '--wait', '0'],
    ['pause', 'main', '--wait', '0'],
    ['resume', 'main', '--wait', '0'],
  ]) {
    const { code, stderr } = await program.run(args);
    expect(stderr, args.join(' ')).toBe('');
    expect(code, args.join(' ')).toBe(0);
  }
  expect(program.value('SELECT count(*) FROM messages')).toBe(2);
});

it('the command line finds ./spool.db where the environment names an account without its secret', async () => {
  program.init();
  rmSync(join(program.folder, 'sms-spoold.toml'));
  const env = { VONAGE_API_KEY: 'abcd1234' };
  expect((await program.run(['send', '447700900000', 'Hello'], { env })).stdout).toBe('1\n');
});

it('the command line lets run and check say which secrets are missing', async () => {
  program.init();
  const { code, stderr } = await program.run(['run']);
  expect(code).toBe(78);
  const { stdout } = await program.run(['check', '--offline']);
  for (const said of [stderr, stdout.replaceAll(/\s+/g, ' ')]) {
    expect(said).toContain('A_SECRET_OF_THE_SERVICE');
    expect(said).toContain('receipt-secret');
  }
});
