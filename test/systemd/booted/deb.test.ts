/**
 * The Debian package on a bare Debian that is really booted, in a container: installed, filled in, upgraded,
 * removed, installed again and purged, one after the other. Where that cannot be done, the title says why.
 * `npm run test:systemd`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DebianRoot } from '../debian-root.ts';
import { whyNoMachine } from '../installed.ts';
import { Machine } from '../machine.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const SPOOL = '/var/lib/sms-spoold/spool.db';
const OLD = '0.0.1';
const NEW = '0.0.2';

const noMachine = await whyNoMachine();
const made = noMachine ?? DebianRoot.make();
const why = typeof made === 'string' ? made : null;
const skipped = why === null ? '' : ` (skipped: ${why})`;

const packed = mkdtempSync(join(tmpdir(), 'sms-spoold-packed-'));
const resources = new AsyncDisposableStack();
let machine: Machine;
/** The same version, made a second time. */
let again = '';

/** The package as a version; packed loosely, which is quick. */
function pack(version: string): string {
  const args = ['src/packaging/deb.ts', '--fast', '--version', version, '--out', packed];
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }).trim();
}

const digest = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex');

const apt = (words: string): string =>
  machine.say(`DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet ${words}`);
const install = (version: string): string => apt(`install /opt/${version}.deb`);
const property = (name: string): string =>
  machine.say(`systemctl show --property=${name} --value sms-spoold.service`);
const modeOf = (path: string): string => machine.say(`stat -c '%a %U:%G' ${path}`);
const send = (text: string): number =>
  Number(machine.say(`sms-spoold send 447700900000 '${text}'`, { user: 'app' }));

/** Everything that has our name, but for the packages themselves and the running system's own records. */
function left(): readonly string[] {
  const places = "-path /proc -o -path /sys -o -path /run -o -path '/tmp/*' -o -path /opt";
  return machine
    .say(`find / \\( ${places} \\) -prune -o -name '*sms-spool*' -print`)
    .split('\n')
    .filter((path) => path !== '');
}

async function untilState(id: number, state: string): Promise<void> {
  const show = (): string => machine.say(`sms-spoold show ${id} --json`);
  const is = (): boolean => (JSON.parse(show()) as { readonly state: string }).state === state;
  await machine.until(is, `${state} of ${id}`);
}

beforeAll(async () => {
  if (typeof made === 'string') return;
  resources.use(made);
  for (const version of [OLD, NEW]) copyFileSync(pack(version), made.path(`opt/${version}.deb`));
  again = pack(OLD);
  const booted = await Machine.boot({}, made.folder);
  if (typeof booted === 'string') throw new Error(booted);
  machine = resources.use(booted);
}, 400_000);

afterAll(async () => {
  await resources.disposeAsync();
  rmSync(packed, { recursive: true });
}, 120_000);

describe.skipIf(why !== null)(`the Debian package${skipped}`, { timeout: 240_000 }, () => {
  it('the Debian package is the same, byte for byte, when it is made again', () => {
    expect(basename(again)).toMatch(/^sms-spoold_0\.0\.1_(amd64|arm64)\.deb$/);
    expect(digest(again)).toBe(digest(machine.path(`/opt/${OLD}.deb`)));
  });

  it('installs with one command: user, groups, directories, a spool, and a service that runs', () => {
    install(OLD);
    expect(machine.say('id -Gn sms-spoold').split(' ').toSorted()).toEqual([
      'sms-spool',
      'sms-spoold',
    ]);
    expect(modeOf('/var/lib/sms-spoold')).toBe('2770 sms-spoold:sms-spool');
    expect(modeOf(SPOOL)).toBe('660 sms-spoold:sms-spool');
    expect(modeOf('/etc/sms-spoold/sms-spoold.toml')).toBe('640 root:sms-spool');
    expect(modeOf('/etc/sms-spoold/api-secret')).toBe('600 root:root');
    expect(modeOf('/etc/lnav/formats/sms-spoold/sms-spoold.json')).toBe('644 root:root');
    expect(machine.say('systemctl is-enabled sms-spoold.service')).toBe('enabled');
    expect(property('ActiveState')).toBe('active');
    expect(machine.say('sms-spoold --version')).toBe(OLD);
  });

  it('the Debian package brings the manual page, completions, and a copyright for all that is in it', () => {
    const files = machine.say('dpkg --listfiles sms-spoold').split('\n');
    expect(files).toEqual(
      expect.arrayContaining([
        '/usr/share/man/man1/sms-spoold.1.gz',
        '/usr/share/bash-completion/completions/sms-spoold',
        '/usr/share/zsh/vendor-completions/_sms-spoold',
        '/usr/share/fish/vendor_completions.d/sms-spoold.fish',
        '/usr/lib/systemd/system/sms-spoold.socket',
      ]),
    );
    expect(machine.say('zcat /usr/share/man/man1/sms-spoold.1.gz')).toContain('.SH EXIT STATUS');
    const copyright = machine.say('cat /usr/share/doc/sms-spoold/copyright');
    const parts = ['better-sqlite3', 'undici', 'fastify', 'pino', 'usr/lib/sms-spoold/node'];
    for (const part of parts) expect(copyright).toContain(part);
    expect(files.filter((path) => /node_modules\/(typescript|vitest|bullmq)\//.test(path))).toEqual(
      [],
    );
  });

  it('the Debian package waits, and says what is missing, until an account is filled in; it does not loop', () => {
    expect(property('StatusText')).toContain('no account is configured');
    expect(property('NRestarts')).toBe('0');
    const { code, stdout } = machine.run('sms-spoold check --offline');
    expect(code).toBe(1);
    expect(stdout.match(/^fail .*$/gm)).toEqual(['fail  accounts: none is configured']);
  });

  it('the Debian package lets members of the group drop messages at once, and nobody else', () => {
    machine.say('useradd --groups sms-spool app && useradd stranger');
    expect(send('before')).toBe(1);
    const { code } = machine.run('sms-spoold send 447700900000 no', { user: 'stranger' });
    expect(code).not.toBe(0);
  });

  it('the Debian package sends once the configuration that came with it is filled in', async () => {
    machine.say('systemd-run --quiet --unit=gateway sms-spoold sandbox');
    const journal = (): string => machine.run('journalctl --unit=gateway -o cat').stdout;
    await machine.until(() => journal().includes('8028'), 'the gateway');
    machine.say('echo sandbox-secret >/etc/sms-spoold/api-secret');
    machine.say(
      `sed -i -e 's/^# \\(\\[accounts\\|api_\\|sender\\)/\\1/' -e 's/abcd1234/sandbox1/' ` +
        `-e '/^sender/a base_url = "http://127.0.0.1:8028"' /etc/sms-spoold/sms-spoold.toml`,
    );
    machine.say('sms-spoold check');
    machine.say('systemctl restart sms-spoold');
    await untilState(1, 'await-receipt');
  });

  it('the Debian package keeps spool, configuration and service over an upgrade, which the new version goes on with', async () => {
    const configuration = machine.say('cat /etc/sms-spoold/sms-spoold.toml');
    const before = property('MainPID');
    install(NEW);
    expect(machine.say('sms-spoold --version')).toBe(NEW);
    expect(machine.say('cat /etc/sms-spoold/sms-spoold.toml')).toBe(configuration);
    expect(modeOf('/etc/sms-spoold/sms-spoold.toml')).toBe('640 root:sms-spool');
    expect(property('ActiveState')).toBe('active');
    expect(property('MainPID')).not.toBe(before);
    await untilState(1, 'await-receipt');
    await untilState(send('after the upgrade'), 'await-receipt');
  });

  it('the Debian package leaves a service alone over an upgrade that the administrator has disabled', () => {
    machine.say('systemctl disable --quiet sms-spoold.service');
    apt(`install --reinstall /opt/${NEW}.deb`);
    expect(machine.run('systemctl is-enabled sms-spoold.service').stdout.trim()).toBe('disabled');
    machine.say('systemctl enable --quiet sms-spoold.service');
  });

  it('reloads without procps, and is installed again over a link that a member put in the place of the spool', async () => {
    expect(machine.run('command -v pkill || test -e /bin/kill').code).not.toBe(0);
    const before = property('MainPID');
    machine.say('systemctl reload sms-spoold.service');
    expect(property('MainPID')).toBe(before);
    machine.say('systemctl stop sms-spoold.service');
    const shadow = modeOf('/etc/shadow');
    machine.say(`mv ${SPOOL} ${SPOOL}.aside && ln -s /etc/shadow ${SPOOL}`, { user: 'app' });
    apt(`install --reinstall /opt/${NEW}.deb`);
    expect(modeOf('/etc/shadow')).toBe(shadow);
    expect(machine.say("dpkg-query --show --showformat='${db:Status-Status}' sms-spoold")).toBe(
      'installed',
    );
    machine.say(`rm ${SPOOL} && mv ${SPOOL}.aside ${SPOOL}`, { user: 'app' });
    machine.say('systemctl restart sms-spoold.service');
    await untilState(send('after the link'), 'await-receipt');
  });

  it('the Debian package keeps spool, configuration and secrets when it is removed, leaves no dangling link, and finds them again', () => {
    apt('remove sms-spoold');
    expect(machine.say('find /etc/systemd -xtype l -name "*sms-spool*"')).toBe('');
    expect(machine.run('systemctl is-active sms-spoold.service').stdout.trim()).toBe('inactive');
    expect(machine.run('command -v sms-spoold').code).not.toBe(0);
    expect(machine.say('find /usr -name "*sms-spool*"')).toBe('');
    expect(modeOf(SPOOL)).toBe('660 sms-spoold:sms-spool');
    expect(machine.say('cat /etc/sms-spoold/api-secret')).toBe('sandbox-secret');
    install(NEW);
    expect(property('ActiveState')).toBe('active');
    expect(send('after the removal')).toBe(4);
  });

  it('the Debian package leaves nothing behind when it is purged, but the user and the groups', () => {
    apt('purge sms-spoold');
    expect(left()).toEqual([]);
    expect(machine.run('getent passwd sms-spoold').code).toBe(0);
    expect(property('LoadState')).toBe('not-found');
  });
});
