import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program, widestLine } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

const documents = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const ids = async (...args: string[]): Promise<unknown[]> =>
  documents((await program.run(['list', '--json', ...args])).stdout).map(({ id }) => id);

function dropSome(): void {
  program.exec(`
    INSERT INTO messages (recipient, text, campaign, reference) VALUES ('447700900000', 'one', 'spring', 'r1');
    INSERT INTO messages (recipient, text, account) VALUES ('+447700900000', 'two', 'main');
    INSERT INTO messages (recipient, text, account, sender) VALUES ('447700900002', 'three', 'second', 'AcmeInc');
    UPDATE messages SET revision = revision + 1, state = 'permanent-failure', reason = 'not-whitelisted' WHERE id = 2;
  `);
}

describe('list', () => {
  it('list shows the newest first within COLUMNS, and cuts nothing for a pipe, with neither texts nor whole recipients', async () => {
    program.exec(`INSERT INTO messages (recipient, text, campaign, reference) VALUES
      ('447700900000', 'a secret', 'spring', '${'long-reference-'.repeat(8)}')`);
    program.exec(
      `UPDATE messages SET revision = revision + 1, state = 'permanent-failure', reason = 'facility-not-allowed'`,
    );
    dropSome();
    const { code, stdout } = await program.run(['list'], { env: { COLUMNS: '80' } });
    expect(code).toBe(0);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    const piped = await program.run(['list']);
    expect(piped.stdout).toContain('long-reference-'.repeat(8));
    expect(stdout.match(/^ *\d+ /gm)?.map(Number)).toEqual([4, 3, 2, 1]);
    expect(stdout).toContain('4477…000');
    expect(stdout).not.toContain('447700900000');
    expect(stdout).not.toContain('a secret');
  });

  it('list shows whole recipients and texts when asked to, control characters made visible', async () => {
    program.exec(
      `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'a' || char(27) || '[2Jb')`,
    );
    const { stdout } = await program.run(['list', '--full', '--text']);
    expect(stdout).toContain('447700900000');
    expect(stdout).toContain('a\\u{1B}[2Jb');
    expect(stdout).not.toContain('\u001b');
  });

  it('list prints one JSON document a line, times in ISO-8601 and recipients masked', async () => {
    dropSome();
    const { stdout } = await program.run(['list', '--json', '--limit', '2']);
    const rows = documents(stdout);
    expect(rows.map(({ id }) => id)).toEqual([3, 2]);
    expect(rows[1]).toMatchObject({ recipient: '4477…000', state: 'permanent-failure' });
    expect(rows[0]?.['created_at']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(rows[0]).not.toHaveProperty('text');
  });

  it('list finds by each condition, taking NULL for the default it stands for', async () => {
    dropSome();
    expect(await ids('--state', 'permanent-failure')).toEqual([2]);
    expect(await ids('--campaign', 'spring')).toEqual([1]);
    expect(await ids('--reference', 'r1')).toEqual([1]);
    expect(await ids('--recipient', '447700900000')).toEqual([2, 1]);
    expect(await ids('--recipient', '+447700900000')).toEqual([2, 1]);
    expect(await ids('--account', 'main')).toEqual([2, 1]);
    expect(await ids('--sender', 'AcmeInc')).toEqual([3, 2, 1]);
    expect(await ids('--sender', 'AcmeInc', '--account', 'second')).toEqual([3]);
    expect(await ids('--campaign', 'none')).toEqual([]);
  });

  it('list goes on over many pages', async () => {
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)
      INSERT INTO messages (recipient, text) SELECT 447700900000 + i, 'Hello' FROM n`);
    const all = await ids('--limit', '1200');
    expect(all).toEqual(Array.from({ length: 1_200 }, (_, index) => 1_300 - index));
  });

  it('list finds by several states, by reason, and by an id of the gateway', async () => {
    dropSome();
    program.exec(`
      UPDATE messages SET revision = revision + 1, state = 'delivered' WHERE id = 3;
      INSERT INTO parts (message_id, attempt, number, gateway_id) VALUES (1, 1, 1, '0A00000001');
      INSERT INTO receipts (received_at, gateway_id, message_id, raw, digest)
        VALUES (1795425400, '0A00000003', 3, '{}', 'd1'), (1795425400, '0A00000009', NULL, '{}', 'd2');
    `);
    expect(await ids('--state', 'delivered', 'permanent-failure')).toEqual([3, 2]);
    expect(await ids('--state', 'delivered', '--state', 'queued')).toEqual([3, 1]);
    expect(await ids('--reason', 'not-whitelisted')).toEqual([2]);
    expect(await ids('--gateway-id', '0A00000001')).toEqual([1]);
    expect(await ids('--gateway-id', '0A00000003')).toEqual([3]);
    expect(await ids('--gateway-id', '0A00000009')).toEqual([]);
  });

  it('list finds by the time of the drop, the first included and the last not, or from a duration ago', async () => {
    const now = Date.now() / 1000;
    program.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900001', 'a'),
      ('447700900002', 'b'), ('447700900003', 'c'), ('447700900004', 'd');
      UPDATE messages SET revision = revision + 1,
        created_at = CASE id WHEN 4 THEN ${now - 7_200} ELSE 1795425240 + 60 * id END`);
    const from = '2026-11-23T09:16:00Z';
    expect(new Date(from).getTime()).toBe(1_795_425_360_000);
    expect(await ids('--since', from, '--until', '1795425420')).toEqual([2]);
    const ago = await ids('--since', '3h', '--until', '-1h');
    expect(ago).toContain(4);
    const { code, stderr } = await program.run(['list', '--since', 'yesterday']);
    expect(code).toBe(64);
    expect(stderr).toContain('2h for two hours ago');
  });

  it('list shows the oldest first when asked to, over many pages, and counts without a limit', async () => {
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)
      INSERT INTO messages (recipient, text) SELECT 447700900000 + i, 'Hello' FROM n`);
    const all = await ids('--oldest', '--limit', '1200');
    expect(all).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
    expect((await program.run(['list', '--count'])).stdout).toBe('1300\n');
    const counted = await program.run(['list', '--count', '--json', '--state', 'delivered']);
    expect(counted.stdout).toBe('{"count":0}\n');
  });

  it('list names the states there are when it does not know one', async () => {
    const { code, stderr } = await program.run(['list', '--state', 'failed']);
    expect(code).toBe(64);
    expect(stderr).toContain('permanent-failure');
  });

  it('list can be read by another program of the same machine', async () => {
    dropSome();
    const { stdout } = await program.run(['list', '--json']);
    const python = spawnSync(
      'python3',
      ['-c', 'import json,sys\nprint(sum(1 for line in sys.stdin if json.loads(line)))'],
      { input: stdout, encoding: 'utf8' },
    );
    expect(python.stdout).toBe('3\n');
  });
});

function dropAndSend(): void {
  program.exec(`
    INSERT INTO messages (recipient, text) VALUES ('447700900000', 'a secret');
    UPDATE messages SET revision = revision + 1, created_at = 1795425300, state = 'delivered', reason = 'delivered', attempts = 2, parts = 1, price = 0.05;
    INSERT INTO attempts VALUES (1, 1, 1795425301, 1795425301.25, 'ref1', NULL, 200, 1,
      'Throughput Rate Exceeded - please wait [ 250 ] and retry', 'trace1', 'retry', 'sender', NULL);
    INSERT INTO attempts VALUES (1, 2, 1795425302, 1795425302.084, 'ref2', 1, 200, 0, NULL, NULL,
      'await-receipt', 'message', NULL);
    INSERT INTO parts VALUES (1, 2, 1, '0A0000000123ABCD1', 0, 0.05, '23410', 'delivered', 0, 1795425400);
    INSERT INTO receipts (received_at, gateway_id, status, code, message_id, attempt, raw, digest) VALUES
      (1795425400, '0A0000000123ABCD1', 'delivered', 0, 1, 2, '{}', 'd1');
    INSERT INTO events (at, message_id, event, from_state, to_state, reason, attempt) VALUES
      (1795425301.25, 1, 'message.queued', 'sending', 'queued', 'throttled', 1),
      (1795425302.084, 1, 'message.await-receipt', 'sending', 'await-receipt', 'accepted', 2),
      (1795425400, 1, 'message.delivered', 'await-receipt', 'delivered', 'delivered', 2);
  `);
}

describe('show', () => {
  it('show says added of a message, and never dropped', async () => {
    dropAndSend();
    for (const args of [['show', '1'], ['list'], ['show', '--help'], ['list', '--help']]) {
      const { stdout } = await program.run(args);
      expect({ args, said: /dropped/i.exec(stdout) }).toEqual({ args, said: null });
    }
    expect((await program.run(['show', '1'])).stdout).toMatch(/^.*\badded\b/m);
  });

  it('show tells the whole story in time order, with the time between each step', async () => {
    dropAndSend();
    const { code, stdout } = await program.run(['show', '1']);
    expect(code).toBe(0);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    const order = [
      'added',
      'attempt 1 began',
      'attempt 1 ended',
      'sending → queued (throttled)',
      'attempt 2 began, may double attempt 1',
      'attempt 2 ended',
      'part 1 of 1: status 0 accepted',
      'sending → await-receipt (accepted)',
      'receipt for part 1 of attempt 2',
      'await-receipt → delivered',
    ].map((what) => stdout.indexOf(what));
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(stdout).toContain('+250 ms');
    expect(stdout).toContain('+1 min 38 s');
    expect(stdout).not.toContain('a secret');
    expect(stdout).not.toContain('447700900000');
  });

  it('show prints the same as one JSON document', async () => {
    dropAndSend();
    const [story] = documents((await program.run(['show', '1', '--json', '--text'])).stdout);
    expect(story).toMatchObject({ id: 1, text: 'a secret', recipient: '4477…000' });
    expect(story?.['attempts_made']).toHaveLength(2);
    expect(story?.['parts_answered']).toMatchObject([{ gateway_id: '0A0000000123ABCD1' }]);
    expect(story?.['events']).toHaveLength(3);
  });

  it('show shows every field that an application set', async () => {
    program.exec(`INSERT INTO messages
      (recipient, type, body, udh, entity_id, content_id, account_ref, reference, campaign, priority)
      VALUES ('447700900000', 'binary', 'beef', '050003cc0101', 'E1', 'C1', 'cost-7', 'r1', 'spring', 9)`);
    const { stdout } = await program.run(['show', '1']);
    const fields = ['binary', '050003cc0101', 'E1', 'C1', 'cost-7', 'r1', 'spring', '9'];
    for (const field of fields) expect(stdout).toMatch(new RegExp(` ${field}$`, 'm'));
    expect(stdout).not.toContain('beef');
  });

  it('show says that there is no such message', async () => {
    const { code, stderr } = await program.run(['show', '7']);
    expect(code).toBe(1);
    expect(stderr).toBe('sms-spoold: there is no message 7 (never added, or pruned)\n');
  });
});

describe('stats', () => {
  it('stats counts by state with the oldest age of those that wait, and shows lanes and open requests', async () => {
    dropSome();
    program.exec(`
      INSERT INTO messages (recipient, text, send_at) VALUES ('447700900003', 'later', 4000000000);
      INSERT INTO accounts (name, state, reason, since, learned_rate, configured_rate)
        VALUES ('main', 'suspended', 'quota-exceeded', 1795425300, 30, 50);
      INSERT INTO senders (account, sender, since, configured_rate) VALUES ('main', '12015550123', 1795425300, 1);
      INSERT INTO control (verb, campaign) VALUES ('cancel', 'spring');
    `);
    const { code, stdout } = await program.run(['stats']);
    expect(code).toBe(0);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^queued +3 +\d+.* 1 not before a later time$/m);
    expect(stdout).toMatch(/^permanent-failure +1$/m);
    expect(stdout).toMatch(/^main +suspended .* 30\/s +50\/s +quota-exceeded$/m);
    expect(stdout).toMatch(/^main +12015550123 +active .* 1\/s$/m);
    expect(stdout).toMatch(/ cancel +spring$/m);
    const lines = documents((await program.run(['stats', '--json'])).stdout);
    expect(lines.map(({ kind }) => kind)).toEqual([
      'daemon',
      'stop',
      'stop',
      'state',
      'state',
      'late',
      'account',
      'sender',
      'receipts',
      'unmatched-receipts',
      'control',
      'storage',
    ]);
    expect(lines[3]).toMatchObject({ state: 'queued', count: 3, scheduled: 1 });
  });

  it('stats says how many requests an account may have open, where fewer are available', async () => {
    program.exec(`
      INSERT INTO accounts (name, since, configured_concurrency, learned_concurrency)
        VALUES ('main', 1795425300, 10, 5), ('other', 1795425300, 10, NULL);
      INSERT INTO senders (account, sender, since) VALUES ('main', '12015550123', 1795425300);
    `);
    const { stdout } = await program.run(['stats']);
    expect(stdout).toMatch(/^main +active .* 5 of 10 requests at a time$/m);
    expect(stdout.match(/ of 10/g)).toHaveLength(1);
    const lines = documents((await program.run(['stats', '--json'])).stdout);
    const ofAccounts = lines.filter(({ kind }) => kind === 'account' || kind === 'sender');
    expect(ofAccounts).toMatchObject([
      { account: 'main', sender: null, configured_concurrency: 10, learned_concurrency: 5 },
      { account: 'main', sender: '12015550123', configured_concurrency: null },
      { account: 'other', configured_concurrency: 10, learned_concurrency: null },
    ]);
  });

  it('stats says that a spool is empty', async () => {
    const { stdout } = await program.run(['stats']);
    expect(stdout).toMatch(
      /^no daemon has run on this spool yet; start one:[^]*\n\nThe spool holds no messages\.\n\nThe spool has [\d.]+ MiB, /,
    );
  });
});

describe('list --unmatched', () => {
  it('list --unmatched shows receipts that are about no message here, newest first, and stats counts them', async () => {
    program.exec(`INSERT INTO receipts (received_at, gateway_id, recipient, status, code, raw, digest)
      VALUES (1795425300, 'part-1', '447700900000', 'failed', 3, '{}', 'a'),
        (1795425400, 'part-2', '447700900001', 'delivered', 0, '{}', 'b')`);
    const { stdout } = await program.run(['list', '--unmatched']);
    expect(stdout).toMatch(/4477…001 +delivered +0 +part-2[^]*4477…000 +failed +3 +part-1/);
    const [newest] = documents((await program.run(['list', '--unmatched', '--json'])).stdout);
    expect(newest).toMatchObject({ gateway_id: 'part-2', recipient: '4477…001' });
    expect((await program.run(['stats'])).stdout).toContain(
      'Receipts about no message of this spool: 2 (sms-spoold list --unmatched)',
    );
  });
});

describe('codes', () => {
  it('codes explains a code of an answer and of a receipt', async () => {
    const { stdout } = await program.run(['codes', '9']);
    expect(stdout).toContain('Status 9 of an answer: quota-exceeded');
    expect(stdout).toContain('Code 9 of a delivery receipt: illegal-number');
    expect(stdout).toMatch(/^remedy +Top up the account/m);
  });

  it('codes prints all of them in 80 columns', async () => {
    const { stdout } = await program.run(['codes']);
    expect(widestLine(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toContain('not-whitelisted');
    expect(stdout).toMatch(/^ *3xx /m);
    expect(documents((await program.run(['codes', '--json'])).stdout).length).toBeGreaterThan(50);
  });

  it('heeds [classify], and does without a configuration that is broken', async () => {
    program.write(
      'over.toml',
      '[accounts.main]\napi_key="a"\napi_secret="b"\n[classify]\n"29" = "retry"\n',
    );
    const { stdout } = await program.run(['--config', 'over.toml', 'codes', '29']);
    expect(stdout).toMatch(/^route +retry/m);
    program.write('sms-spoold.toml', 'broken');
    const broken = await program.run(['codes', '29']);
    expect(broken.code).toBe(0);
    expect(broken.stdout).toMatch(/^route +permanent-failure/m);
    expect(broken.stderr).toContain('[classify] is not applied');
  });
});
