/**
 * The unit under a real systemd, in a container. Where none can be booted, the title says why.
 * `npm run test:systemd`.
 */
import { renameSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIG, Installed, whyNoMachine } from '../installed.ts';

const why = await whyNoMachine();
const skipped = why === null ? '' : ` (skipped: ${why})`;

/** Accepted at once, and answered after 90 s, when the daemon has died or given up long ago. */
const UNANSWERED = '999790010001';
/** Booting a machine, and all the rest; far more than it takes. */
const TIMEOUT_MS = 240_000;

const INSERT = `INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello')`;
/* One row is committed, the next is not: the program dies in between, and closes nothing. */
const PYTHON_DIES = `
db.execute("${INSERT}")
db.commit()
db.execute("${INSERT}")
os.kill(os.getpid(), signal.SIGKILL)
`;

function modeOf(service: Installed, name: string): string {
  return service.machine.say(`stat -c '%a %U:%G' ${name}`);
}

/** Drops one row by each client, as a user of the group. */
function dropByAll(service: Installed): number {
  service.drop();
  service.python(`db.execute("${INSERT}")\ndb.commit()\ndb.close()`);
  return 2;
}

/** Every message was accepted by the gateway, once. */
async function untilAllAccepted(service: Installed, count: number): Promise<void> {
  const done = `SELECT count(*) FROM messages WHERE state = 'await-receipt'`;
  await service.machine.until(() => Number(service.sql(done)) === count, `all ${count} sent`);
  expect(service.accepted()).toBe(count);
}

/** A message whose request the gateway has accepted and does not answer. */
async function putUnanswered(service: Installed): Promise<number> {
  const id = service.drop(UNANSWERED);
  await service.machine.until(() => service.accepted() === 1, 'the request');
  return id;
}

/** A message whose request is out, to a gateway that does nothing until it is thawed. */
async function putInFlight(service: Installed): Promise<number> {
  service.freezeGateway();
  const id = service.drop();
  await service.untilState(id, 'sending');
  return id;
}

const LEDGER = '/run/ledger';
const isReady = (event: string): boolean => event === 'daemon.ready';
const options = { timeout: TIMEOUT_MS, skip: why !== null };

describe(`starting the service${skipped}`, options, () => {
  it('starting the service is done when it listens; it reads its credential, and its status says how it is', async () => {
    const service = await Installed.setup();
    expect(service.property('ActiveState')).toBe('active');
    /* The warning: receipts are unsigned, at the default path. */
    expect(service.events()).toEqual(['daemon.started', 'daemon.warning', 'daemon.ready']);
    expect(service.property('StatusText')).toBe('0 queued, 0 in flight, 0.0/s');
    /* The gateway takes no other secret than that of the credential. */
    await service.untilState(service.drop(), 'await-receipt');
  });

  it('starting the service with a bad configuration fails for good', async () => {
    const service = await Installed.setup({ isStopped: true, config: CONFIG.replace('500', '-1') });
    expect(service.machine.run('systemctl start sms-spoold').code).not.toBe(0);
    expect(service.property('ExecMainStatus')).toBe('78');
    expect(service.property('ActiveState')).toBe('failed');
    expect(service.property('NRestarts')).toBe('0');
  });

  it('starting the service with no account configured stays up, says what is missing, and works after a reload', async () => {
    const service = await Installed.setup({ config: '' });
    expect(service.property('StatusText')).toContain('no account is configured');
    const fedAt = service.property('WatchdogTimestampMonotonic');
    const isFed = (): boolean => service.property('WatchdogTimestampMonotonic') !== fedAt;
    await service.machine.until(isFed, 'a fed watchdog');
    service.configure(CONFIG);
    service.systemctl('reload sms-spoold');
    await service.machine.until(() => service.events().some(isReady), 'a daemon at work');
    await service.untilState(service.drop(), 'await-receipt');
    expect(service.property('NRestarts')).toBe('0');
  });
});

describe(`other users of the group${skipped}`, options, () => {
  it('drop rows before, during and after the daemon runs, and after either side crashed', async () => {
    const service = await Installed.setup({ isStopped: true });
    service.init();
    let dropped = dropByAll(service);
    service.systemctl('start sms-spoold');
    await untilAllAccepted(service, dropped);
    dropped += dropByAll(service);
    await untilAllAccepted(service, dropped);

    const die = (): void => {
      expect(() => service.python(PYTHON_DIES)).toThrow(/exit code/);
      dropped += 1;
    };
    die();
    await untilAllAccepted(service, dropped);

    service.systemctl('stop sms-spoold');
    dropped += dropByAll(service);
    die();
    /* What the dead program left is another user's, and for the group. */
    expect(modeOf(service, '/var/lib/sms-spoold/spool.db-wal')).toBe('660 app:sms-spool');
    service.systemctl('start sms-spoold');
    await untilAllAccepted(service, dropped);

    service.kill('KILL');
    dropped += dropByAll(service);
    await untilAllAccepted(service, dropped);
    expect(modeOf(service, '/var/lib/sms-spoold')).toBe('2770 sms-spoold:sms-spool');
    for (const name of ['spool.db', 'spool.db.lock']) {
      expect(modeOf(service, `/var/lib/sms-spoold/${name}`)).toBe('660 sms-spoold:sms-spool');
    }
    expect(service.command('check --offline')).not.toMatch(/^(fail|warn) .*permissions/m);
  });

  it('other users of the group are let in by a directory that sms-spoold makes itself, and nobody else is', async () => {
    const service = await Installed.setup({ isStopped: true });
    service.machine.say('rm -r /var/lib/sms-spoold');
    service.systemctl('start sms-spoold');
    expect(modeOf(service, '/var/lib/sms-spoold/spool.db')).toBe('660 sms-spoold:sms-spool');
    const dropped = dropByAll(service);
    await untilAllAccepted(service, dropped);
    expect(() => service.sql('SELECT 1 FROM messages', { user: 'stranger' })).toThrow(
      /unable to open database/,
    );
  });
});

describe(`the running service${skipped}`, options, () => {
  it('reloads: the log is opened again, the process and what is in flight stay', async () => {
    const service = await Installed.setup();
    const id = await putInFlight(service);
    const pid = service.property('MainPID');
    const log = '/var/log/sms-spoold/status.log';
    renameSync(service.machine.path(log), service.machine.path(`${log}.1`));
    service.systemctl('reload sms-spoold');
    await service.machine.until(() => service.property('SubState') === 'running', 'its end');
    service.thawGateway();
    await service.untilState(id, 'await-receipt');
    const isNamed = (): boolean => service.machine.run(`grep '"id":${id},' ${log}`).code === 0;
    await service.machine.until(isNamed, 'a line in the new file');
    expect(service.property('MainPID')).toBe(pid);
    expect(service.property('Result')).toBe('success');
    expect(service.accepted()).toBe(1);
  });

  it('the running service stops once what is in flight has come back', async () => {
    const service = await Installed.setup();
    const id = await putInFlight(service);
    service.systemctl('stop --no-block sms-spoold');
    const has = (event: string) => (): boolean => service.events().includes(event);
    await service.machine.until(has('daemon.draining'), 'the end');
    expect(service.property('ActiveState')).toBe('deactivating');
    service.thawGateway();
    await service.machine.until(has('daemon.stopped'), 'the end of the end');
    expect(service.state(id)).toBe('await-receipt');
    expect(service.property('Result')).toBe('success');
  });

  it.each([
    ['hangs', 'USR2', 'watchdog'],
    ['is killed', 'KILL', 'signal'],
  ])(
    'the running service that %s is restarted, and what was in flight is settled by its receipt',
    async (...how) => {
      const [, signal, result] = how;
      const service = await Installed.setup({ hasSocket: true, receiptAfterS: 2, watchdogS: 10 });
      const id = await putUnanswered(service);
      expect(service.state(id)).toBe('sending');
      service.kill(signal);
      const isBack = (): boolean => service.events().filter(isReady).length > 1;
      await service.machine.until(isBack, 'a second daemon');
      expect(service.machine.say('journalctl -u sms-spoold -o cat --no-pager')).toContain(
        `Failed with result '${result}'`,
      );
      expect(service.property('ActiveState')).toBe('active');
      await service.untilState(id, 'delivered');
      /* It was not sent again: the receipt came to the port meanwhile, or comes again. */
      expect(service.accepted()).toBe(1);
    },
  );
});

describe(`the socket${skipped}`, options, () => {
  it('the socket keeps receipts over a restart: of 1,000 none is refused and none is lost', async () => {
    const service = await Installed.setup({ hasSocket: true });
    const { machine } = service;
    const rows = `db.executemany("${INSERT}", [()] * 1000)\ndb.commit()`;
    service.python(rows);
    await untilAllAccepted(service, 1_000);
    service.saveLedger(LEDGER);
    await putInFlight(service);
    service.systemctl('restart --no-block sms-spoold');
    const isDraining = (): boolean => service.events().includes('daemon.draining');
    await machine.until(isDraining, 'the end of the first');
    const bring = '/opt/sms-spoold/node /opt/test/bring-receipts.ts';
    machine.say(
      `systemd-run --quiet --unit=bring --property=StandardInput=file:${LEDGER} ${bring}`,
    );
    /* All of them wait in the kernel: nobody accepts while the first daemon leaves. */
    await machine.until(() => service.waitingConnections() === 1_000, 'all connections');
    service.thawGateway();
    const brought = (): string =>
      machine.run('journalctl -u bring -o cat _TRANSPORT=stdout').stdout;
    await machine.until(() => brought() !== '', 'the end of the receipts');
    expect(JSON.parse(brought())).toEqual({ 200: 1_000 });
    const delivered = `SELECT count(*) FROM messages WHERE state = 'delivered'`;
    await machine.until(() => service.sql(delivered) === '1000', 'all receipts');
  });
});

describe(`the journal${skipped}`, options, () => {
  it('the journal holds whole lines of JSON, each with its priority, under the name of the daemon', async () => {
    const service = await Installed.setup();
    await service.untilState(service.drop(), 'await-receipt');
    await service.untilState(service.drop('999102900001'), 'permanent-failure');
    const all = (): readonly (readonly [event: string, priority: string])[] =>
      service
        .journal()
        .map(({ MESSAGE, PRIORITY }) => [
          (JSON.parse(MESSAGE) as { event: string }).event,
          PRIORITY,
        ]);
    const isRefused = (): boolean => all().some(([event]) => event === 'message.permanent-failure');
    await service.machine.until(isRefused, 'the last line');
    expect(all()).toEqual([
      ['daemon.started', '6'],
      ['daemon.warning', '4'],
      ['daemon.ready', '6'],
      ['message.await-receipt', '6'],
      ['message.permanent-failure', '4'],
    ]);
    expect(service.machine.say('journalctl -t sms-spoold -o cat --no-pager')).toContain(
      'daemon.ready',
    );
  });
});
