/** SIGHUP: a running daemon takes up a new configuration, or says why not, and disturbs nothing. */
import { describe, expect, it } from 'vitest';
import { startSlowGateway } from './gateway.ts';
import { HARDLY, KEY, sandboxFor, SECRET, start } from './setup.ts';

const ROTATED = 'another-secret';

async function setup() {
  const sandbox = await sandboxFor({ [KEY]: SECRET, efgh5678: SECRET });
  return { sandbox, url: sandbox.url };
}

function basic(secret: string): string {
  return `Basic ${Buffer.from(`${KEY}:${secret}`).toString('base64')}`;
}

describe('a reload', () => {
  it('a reload takes up another rate while it sends', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: { rate: HARDLY } } });
    const ids = Array.from({ length: 20 }, () => rig.drop());
    await rig.untilState('await-receipt', ids.slice(0, 1));
    const line = await rig.reload({ accounts: { main: { rate: 500 } } });
    expect(line).toMatchObject({ event: 'daemon.reloaded', changed: ['accounts.main.rate'] });
    await rig.untilState('await-receipt', ids);
    expect(rig.account()).toMatchObject({ configured_rate: 500 });
  });

  it('a reload takes up what a sender allows, and that it has no limit any more', async () => {
    const { url } = await setup();
    const limited = { more: `[accounts.main.senders."12015550123"]\nrate = ${HARDLY}` };
    const rig = await start(url, { accounts: { main: limited } });
    const ids = Array.from({ length: 10 }, () => rig.drop({ sender: '12015550123' }));
    await rig.untilState('await-receipt', ids.slice(0, 1));
    const line = await rig.reload({ accounts: { main: {} } });
    expect(line).toMatchObject({ changed: ['accounts.main.senders.12015550123'] });
    await rig.untilState('await-receipt', ids);
    expect(rig.all('SELECT configured_rate AS rate FROM senders')).toEqual([{ rate: null }]);
  });

  it('a reload tries an account again at once whose secret was rotated', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: { secret: 'wrong' } } });
    const id = rig.drop();
    await rig.until(() => rig.account()['state'] === 'suspended');
    await rig.reload({ accounts: { main: {} } });
    await rig.untilState('await-receipt', [id]);
    await rig.until(() => rig.account()['state'] === 'active');
    expect(rig.program.lines.map((line) => JSON.stringify(line)).join()).not.toContain(SECRET);
  });

  it('a reload leaves what is out to the gateway it went through', async () => {
    const gateway = await startSlowGateway();
    const rig = await start(gateway.url, { accounts: { main: { concurrency: 1 } } });
    const [first, second] = [rig.drop(), rig.drop()];
    await rig.until(() => gateway.came.length === 1);
    const changed = { secret: ROTATED, concurrency: 2, more: 'timeout = "20s"' };
    expect((await rig.reload({ accounts: { main: changed } })).event).toBe('daemon.reloaded');
    await rig.until(() => gateway.came.length === 2);
    gateway.answer();
    await rig.untilState('await-receipt', [first, second]);
    expect(gateway.came).toEqual([basic(SECRET), basic(ROTATED)]);
    expect(rig.all('SELECT DISTINCT attempts FROM messages')).toEqual([{ attempts: 1 }]);
    expect(rig.said('message.uncertain')).toEqual([]);
  });

  it('a reload sends the rows of an account that it adds, and keeps those of one that it removes', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: {} } });
    const early = rig.drop({ account: 'second' });
    await rig.until(() => rig.said('account.suspended').length === 1);
    const both = { main: {}, second: { key: 'efgh5678' } };
    const added = await rig.reload({ accounts: both });
    expect(added).toMatchObject({ accounts: ['main', 'second'], changed: ['accounts.second'] });
    await rig.untilState('await-receipt', [early]);
    await rig.reload({ accounts: { main: {} } });
    const late = rig.drop({ account: 'second' });
    await rig.until(() => rig.said('account.suspended').length === 2);
    expect(rig.message(late)).toMatchObject({ state: 'queued' });
    await rig.until(() => rig.account('second')['name'] === undefined);
    const own = rig.drop();
    await rig.untilState('await-receipt', [own]);
    await rig.reload({ accounts: both });
    await rig.untilState('await-receipt', [late]);
  });

  it('settles what an account has out that it removes', async () => {
    const gateway = await startSlowGateway();
    const rig = await start(gateway.url, { accounts: { main: {}, second: {} } });
    const id = rig.drop({ account: 'second' });
    await rig.until(() => gateway.came.length === 1);
    await rig.reload({ accounts: { main: {} } });
    gateway.answer();
    await rig.untilState('await-receipt', [id]);
    rig.program.kill('SIGTERM');
    expect(await rig.program.end()).toMatchObject({ code: 0 });
  });

  it('a reload takes up rules about messages: a code, quiet hours, the validity', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: {} } });
    const quiet = '[[quiet]]\nfrom = "00:00"\nto = "23:59"\nzone = "UTC"\nprefixes = ["44"]';
    const line = await rig.reload({ accounts: { main: {} }, more: quiet });
    expect(line).toMatchObject({ changed: ['quiet'] });
    const [held, free] = [rig.drop({ priority: 4 }), rig.drop({ priority: 9 })];
    await rig.untilState('await-receipt', [free]);
    const isHeld = (): boolean => rig.message(held)['due_at'] !== null;
    const minute = new Date().toISOString().slice(11, 16);
    if (minute !== '23:59') await rig.until(isHeld);
    const more = '[messages]\nvalidity = "1h"\n[classify]\n29 = "retry"';
    const next = await rig.reload({ accounts: { main: {} }, more });
    expect(next).toMatchObject({ changed: ['quiet', 'messages.validity', 'classify.29'] });
    await rig.untilState('await-receipt', [held]);
  });

  it('a reload takes up the level of the log', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: {} } });
    await rig.reload({ accounts: { main: {} }, log: 'debug' });
    await rig.untilState('await-receipt', [rig.drop()]);
    rig.write({ accounts: { main: {} }, log: 'error' });
    rig.program.kill('SIGHUP');
    const quiet = rig.drop({ account: 'nobody' });
    await rig.until(
      () => rig.all('SELECT 1 FROM events WHERE reason = ?', 'unknown-account').length > 0,
    );
    const back = await rig.reload({ accounts: { main: {} }, log: 'info' });
    expect(back).toMatchObject({ changed: ['log.level'] });
    expect(rig.message(quiet)).toMatchObject({ state: 'queued' });
  });

  it('a reload changes nothing for a bad file, and says in one line what is wrong with it', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: { rate: HARDLY } } });
    const [first, second] = [rig.drop(), rig.drop()];
    await rig.untilState('await-receipt', [first]);
    const broken = await rig.reload({ accounts: { main: { rate: -1, sender: 'Much too long' } } });
    expect(broken).toMatchObject({ event: 'daemon.reload-failed', level: 'error' });
    expect(broken['error']).toMatch(/accounts\.main\.sender: .*; accounts\.main\.rate: /);
    expect((await rig.reload('[[[')).event).toBe('daemon.reload-failed');
    const empty = await rig.reload({ accounts: {} });
    expect(empty).toMatchObject({ error: 'no account is configured' });
    const more = '[log]\nfile = "nowhere/status.log"';
    const unwritable = { accounts: { main: { rate: 900 } }, more };
    const file = await rig.reload(`${more}\n[accounts.main]\napi_key = "${KEY}"\napi_secret = "x"`);
    expect(unwritable.accounts.main.rate).toBe(900);
    expect(file['error']).toMatch(/log\.file/);
    expect(rig.account()).toMatchObject({ configured_rate: HARDLY });
    expect(rig.message(second)).toMatchObject({ state: 'queued' });
    await rig.reload({ accounts: { main: {} } });
    await rig.untilState('await-receipt', [second]);
  });

  it('a reload names what only a restart can change, and takes up the rest', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: { main: { rate: HARDLY } } });
    const ids = [rig.drop(), rig.drop()];
    const moved = { spool: 'data/other.db', listen: '127.0.0.1:1' };
    const line = await rig.reload({ accounts: { main: {} }, ...moved });
    expect(line).toMatchObject({ level: 'warn', changed: ['accounts.main.rate'] });
    expect(line['needs_restart']).toEqual(['spool.path', 'receipts.listen']);
    await rig.untilState('await-receipt', ids);
  });

  it('a reload starts a daemon that had nothing to start with, once the file is right', async () => {
    const { url } = await setup();
    const rig = await start(url, { accounts: {} });
    expect((await rig.reload('[spool')).event).toBe('daemon.reload-failed');
    expect((await rig.reload({ accounts: { main: {} } })).event).toBe('daemon.ready');
    await rig.untilState('await-receipt', [rig.drop()]);
  });
});
