/** Windows longer than a second, as `why` and `stats` show them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program } from './program.ts';

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

/* Rows as the daemon writes them; of this day and the next, so that midnight may come meanwhile. */
beforeEach(() => {
  program = new Program(ACCOUNTS).init();
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

afterEach(() => program[Symbol.dispose]());

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
