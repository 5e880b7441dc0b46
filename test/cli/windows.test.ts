/** Windows longer than a second, as `why` and `stats` show them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ownership } from '../../src/spool/file/ownership.ts';
import { Program } from './program.ts';
import { ownFolderOf } from '../support/spool.ts';

const ACCOUNTS = `
[accounts.main]
api_key = "abcd1234"
api_secret = "the-secret"
sender = "AcmeInc"
rate = ["30/s", "20000/day"]
per = "part"
[accounts.main.groups.us]
senders = ["AcmeInc", "Shop"]
rate = "5/day"
zone = "Asia/Tokyo"
`;
const DAY_S = 86_400;

let program: Program;
/* A daemon runs, as far as anybody can see. */
let daemon: Ownership;

/* Rows as the daemon writes them; of this day and the next, so that midnight may come meanwhile. */
beforeEach(() => {
  program = new Program(ACCOUNTS).init();
  daemon = Ownership.take(program.spoolPath, ownFolderOf(program.spoolPath));
  const now = Date.now() / 1000;
  const days = (now + 9 * 3_600) / DAY_S;
  const state = (used: number, day: number): string =>
    JSON.stringify({ at: now, used: [0, 1].map((on) => [Math.floor(day) + on, used]), open: [] });
  program.exec(`
    INSERT INTO accounts (name, since, configured_rate) VALUES ('main', 1795425300, 30);
    INSERT INTO caps VALUES
      ('main', 'account', '', 'day', 'part', 'UTC', 20000, 0, NULL, '${state(7, now / DAY_S)}'),
      ('main', 'group', 'us', 'day', 'request', 'Asia/Tokyo', 5, 0, NULL, '${state(5, days)}'),
      ('main', 'sender', 'Gone', 'h', 'request', 'UTC', NULL, 3, NULL, '${state(3, 1)}');
    INSERT INTO messages (recipient, text, sender) VALUES
      ('447700900000', 'a', NULL), ('447700900000', 'b', 'Shop'), ('447700900000', 'c', 'Other')`);
});

afterEach(() => {
  daemon.release();
  program[Symbol.dispose]();
});

it('why names the window that is used up, and when it frees', async () => {
  for (const id of ['1', '2']) {
    const { stdout } = await program.run(['why', id]);
    expect(stdout).toMatch(
      /; waiting for group us, used up \(5 of 5 requests in a day\) until .* 15:00:00; goes at about .* 15:00:00; expires /,
    );
  }
  const { stdout } = await program.run(['why', '3']);
  expect(stdout).toContain('waiting for account main (30/s, ');
});

const MANY = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
  INSERT INTO messages (recipient, text, sender) SELECT 447700900000 + i, 'Hello', `;
const left = (used: number): string => `UPDATE caps SET state = replace(state, '7]', '${used}]')`;

const whyJson = async (id: number): Promise<Record<string, unknown>> =>
  JSON.parse((await program.run(['why', String(id), '--json'])).stdout) as Record<string, unknown>;

it('why says that a window will be used up before the turn of a message, and until when', async () => {
  program.exec(`${MANY} 'Other' FROM n; ${left(19_960)}`);
  const { stdout } = await program.run(['why', '20', '63']);
  const [soon, late] = stdout.split('\n');
  expect(soon).toContain('waiting for account main (30/s, ');
  expect(late).toMatch(
    /waiting for account main, whose 20,000 parts of the day will be used up before its turn \(until \S+ 00:00:00, 30\/s, 6[02] ahead\); goes at about \S+ 00:00:0\d; expires .*, so it will make it$/,
  );
  expect((await whyJson(20))['window']).toBeNull();
  const answer = await whyJson(63);
  /* The two of the group may go before midnight, as long as it is not yet 15:00. */
  expect(answer).toMatchObject({
    ahead: expect.toSatisfy((n) => n === 60 || n === 62) as number,
    rate: 30,
  });
  expect(answer['window']).toMatchObject({
    ...{ account: 'main', span: 'day', per: 'part', allowed: 20_000, used: 19_960 },
    ...{ frees_at: null, used_up_until: expect.stringMatching(/T00:00:00/) as string },
  });
});

it('why counts parts: a few long messages use up what many short ones would not', async () => {
  program.exec(`${MANY} 'Other' FROM n; ${left(19_900)}`);
  expect((await whyJson(63))['window']).toBeNull();
  program.exec(
    `UPDATE messages SET revision = revision + 1, text = printf('%300s', 'x') WHERE id > 3`,
  );
  expect((await whyJson(63))['window']).toMatchObject({ used: 19_900 });
  expect((await whyJson(45))['window']).toBeNull();
});

it('why says that a window is used up again and again, and that a message will not make it', async () => {
  program.exec(`${MANY} 'Shop' FROM n`);
  const { stdout } = await program.run(['why', '20']);
  expect(stdout).toMatch(
    /waiting for group us, used up \(5 of 5 requests in a day\) and again before its turn \(until \S+ 15:00:00, 18 ahead\); goes at about .* 15:00:00; expires .*, so it will not make it\n$/,
  );
  const days = (Date.parse(String((await whyJson(20))['goes_at'])) - Date.now()) / 1000 / DAY_S;
  expect(days).toBeGreaterThan(3);
  expect(days).toBeLessThan(4);
});

it('stats shows what each window allows and how much of it is used', async () => {
  const { stdout } = await program.run(['stats']);
  expect(stdout).toMatch(/WINDOW OF +ALLOWS +USED +COUNTS +FREES/);
  expect(stdout).toMatch(/account main +20,000\/day +7 +parts *\n/);
  expect(stdout).toMatch(/group us +5\/day +5 +requests +.* 15:00:00/);
  expect(stdout).not.toContain('Gone');
  const json = await program.run(['stats', '--json']);
  const windows = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ kind }) => kind === 'window');
  expect(windows).toMatchObject([
    { account: 'main', span: 'day', per: 'part', allowed: 20_000, used: 7, frees_at: null },
    { account: 'main', group: 'us', allowed: 5, used: 5, zone: 'Asia/Tokyo' },
  ]);
  expect(String(windows[1]?.['frees_at'])).toMatch(/T15:00:00(\.000)?Z$/);
});
