/** `why`: one causal answer for each state, with an estimate while a message waits. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ownership } from '../../src/spool/file/ownership.ts';
import { Program, widestLine } from './program.ts';
import { ownFolderOf } from '../support/spool.ts';

let program: Program;
/* A daemon runs, as far as anybody can see. */
let daemon: Ownership;

beforeEach(() => {
  program = new Program().init();
  daemon = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
  program.exec(
    `INSERT INTO accounts (name, since, configured_rate) VALUES ('main', 1795425300, 30)`,
  );
});

afterEach(() => {
  daemon.release();
  program[Symbol.dispose]();
});

const why = async (id: number): Promise<string> => (await program.run(['why', String(id)])).stdout;

describe('why', () => {
  it('why counts who goes first on the account, and says when it will go', async () => {
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 301)
      INSERT INTO messages (recipient, text) SELECT 447700900000 + i, 'Hello' FROM n`);
    const { stdout } = await program.run(['why', '301', '--json']);
    const answer = JSON.parse(stdout) as Record<string, unknown>;
    expect(answer).toMatchObject({ state: 'queued', ahead: 300, rate: 30 });
    const seconds = (Date.parse(String(answer['goes_at'])) - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(8);
    expect(seconds).toBeLessThan(11);
    expect(await why(301)).toMatch(
      /^queued since .*; waiting for account main \(30\/s, 300 ahead\); goes at about .*; expires .*, so it will make it\n$/,
    );
  });

  it('why names the sender where that is what it waits for, and says that it will not make it', async () => {
    program.exec(`
      INSERT INTO senders (account, sender, since, configured_rate) VALUES ('main', '12015550123', 1795425300, 1);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 213)
      INSERT INTO messages (recipient, text, sender, expires_at)
        SELECT 447700900000 + i, 'Hello', '12015550123', unixepoch('subsec') + 60 FROM n`);
    expect(await why(213)).toMatch(
      /waiting for sender 12015550123 \(1\/s, 212 ahead\); goes at about .*, so it will not make it\n$/,
    );
  });

  it('why says that a retry waits for its share, and how many of both kinds go first', async () => {
    program.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 401)
      INSERT INTO messages (recipient, text) SELECT 447700900000 + i, 'Hello' FROM n;
      UPDATE messages SET revision = revision + 1, state = 'retry', reason = 'throttled', attempts = 1 WHERE id <= 101`);
    expect(await why(31)).toMatch(
      /^retry .*; waiting for the retries’ share of account main \(30\/s, 154 ahead\); goes at about /,
    );
    expect(await why(101)).toMatch(
      /waiting for the retries’ share of account main \(30\/s, 400 ahead\)/,
    );
    expect(await why(142)).toMatch(/waiting for account main \(30\/s, 50 ahead\)/);
    program.exec(
      `UPDATE messages SET revision = revision + 1, state = 'delivered' WHERE state = 'queued'`,
    );
    expect(await why(101)).toMatch(/waiting for account main \(30\/s, 100 ahead\)/);
  });

  it('why counts by deadlines, and takes its validity for that of a message without one', async () => {
    program.exec(`INSERT INTO messages (recipient, text, expires_at) VALUES
      ('447700900000', 'a', NULL), ('447700900000', 'b', unixepoch() + 3600.0),
      ('447700900000', 'c', unixepoch() + 172800.0)`);
    expect(await why(1)).toContain('(30/s, 1 ahead)');
    expect(await why(2)).toContain('(30/s, 0 ahead)');
    expect(await why(3)).toContain('(30/s, 2 ahead)');
  });

  it('why says who stopped the account or the sender', async () => {
    program.exec(`
      INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello');
      UPDATE accounts SET state = 'suspended', reason = 'quota-exceeded', next_probe_at = 1795425400`);
    expect(await why(1)).toMatch(
      /waiting for the end of a stop: account main is suspended \(quota-exceeded\) since .*; tried again at .*sms-spoold resume main/,
    );
  });

  it('why says what other states wait for', async () => {
    program.exec(`
      INSERT INTO messages (recipient, text, send_at) VALUES ('447700900000', 'a', 4000000000);
      INSERT INTO messages (recipient, text) VALUES ('447700900000', 'b'), ('447700900000', 'c'), ('447700900000', 'd');
      UPDATE messages SET revision = revision + 1, state = 'await-receipt', reason = 'accepted', due_at = 4000000000 WHERE id = 2;
      UPDATE messages SET revision = revision + 1, state = 'delivered', reason = 'receipt-delivered' WHERE id = 3`);
    expect(await why(1)).toMatch(/^queued since .*; waiting for its time, 2096-.*; expires 2096-/);
    expect(await why(2)).toMatch(
      /^await-receipt \(accepted\).*; waiting for its last receipt until 2096-/,
    );
    expect(await why(3)).toMatch(
      /^delivered .*; final: nothing more happens by itself\. A receipt says that it was delivered\. What to do: Nothing\.\n$/,
    );
    const { code, stderr } = await program.run(['why', '99']);
    expect(code).toBe(1);
    expect(stderr).toContain('there is no message 99');
  });

  it('why explains a final message as codes does, with its id in the command', async () => {
    program.exec(`
      INSERT INTO messages (recipient, text) VALUES ('447700900000', 'a'), ('447700900000', 'b');
      UPDATE messages SET revision = revision + 1, state = 'permanent-failure', reason = 'not-whitelisted' WHERE id = 1;
      UPDATE messages SET revision = revision + 1, state = 'unconfirmed', reason = 'unanswered' WHERE id = 2`);
    const { stdout } = await program.run(['why', '1', '2']);
    const [first = '', second = ''] = stdout.split('\n');
    expect(first).toMatch(
      /^1: permanent-failure \(not-whitelisted\) since .*; final: .*\. A demo account may send to .* What to do: Add the number to /,
    );
    expect(second).toMatch(/on_uncertain is hold\. What to do: .*: sms-spoold requeue 2\.$/);
    const { stdout: json } = await program.run(['why', '2', '--json']);
    expect(JSON.parse(json)).toMatchObject({
      next: { at: null, what: expect.stringContaining('final') as string },
      meaning: expect.stringContaining('on_uncertain is hold') as string,
      remedy: expect.stringContaining('requeue 2') as string,
    });
  });

  it('why says of an uncertain message what will happen, and when', async () => {
    program.exec(`
      INSERT INTO messages (recipient, text, on_uncertain) VALUES
        ('447700900000', 'a', 'resend'), ('447700900000', 'b', 'hold');
      UPDATE messages SET revision = revision + 1, state = 'uncertain', reason = 'timeout', attempts = 1,
        last_attempt = 1, due_at = unixepoch() + 600.0;
      INSERT INTO attempts (message_id, number, client_ref, began_at, ended_at, route)
        SELECT id, 1, id, 1795425300, 1795425301, 'uncertain' FROM messages`);
    expect(await why(1)).toMatch(
      /^uncertain \(timeout\) since .*; waiting for a receipt that proves it accepted until \S+ \S+ at the latest; then it is sent again and may arrive twice\. The gateway did not answer in time\. What to do: Nothing; a receipt settles it/,
    );
    expect(await why(2)).toMatch(
      / at the latest; then it becomes unconfirmed and is not sent again\. /,
    );
  });

  it('why says of a suspended account what it means, and what happens at its time', async () => {
    program.exec(`
      INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello');
      UPDATE accounts SET state = 'suspended', reason = 'quota-exceeded', next_probe_at = 4000000000`);
    expect(await why(1)).toMatch(
      /tried again at 2096-.* with one message; if it is accepted, the others follow; expires .*\. The account has not enough credit.* What to do: Top up the account.*sms-spoold resume main/,
    );
  });

  it('why is one line for a pipe, and wraps at COLUMNS', async () => {
    program.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello');
      UPDATE messages SET revision = revision + 1, state = 'permanent-failure', reason = 'not-gsm-7'`);
    const plain = (await program.run(['why', '1'])).stdout;
    expect(plain.match(/\n/g)).toHaveLength(1);
    const { stdout } = await program.run(['why', '1'], { env: { COLUMNS: '60' } });
    expect(widestLine(stdout)).toBeLessThanOrEqual(60);
    expect(stdout.replaceAll(/\s+/g, ' ')).toBe(plain.replaceAll(/\s+/g, ' '));
  });
});
