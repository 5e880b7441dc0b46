/**
 * What systemd itself says of the shipped units, without booting one: they are well formed, and little is
 * open to who breaks in. Where there is no systemd-analyze, the title says so.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../support/spool.ts';

const UNITS = resolve(import.meta.dirname, '../../systemd');
const isThere = spawnSync('systemd-analyze', ['--version']).error === undefined;
const skipped = isThere ? '' : ' (skipped: there is no systemd-analyze on the PATH)';

function text(name: string): string {
  return readFileSync(join(UNITS, name), 'utf8');
}

function analyze(...args: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** The units in a folder of their own, with a program that is there. */
function copies(change: (service: string) => string = (service) => service): readonly string[] {
  const folder = join(makeFolder(), 'units');
  mkdirSync(folder);
  const service = text('sms-spoold.service').replaceAll('/usr/lib/sms-spoold/node', '/bin/true');
  writeFileSync(join(folder, 'sms-spoold.service'), change(service));
  copyFileSync(join(UNITS, 'sms-spoold.socket'), join(folder, 'sms-spoold.socket'));
  return ['sms-spoold.service', 'sms-spoold.socket'].map((name) => join(folder, name));
}

describe.skipIf(!isThere)(`systemd${skipped}`, () => {
  it('systemd finds nothing to say of the units', () => {
    expect(analyze('verify', '--man=no', ...copies())).toEqual({ status: 0, said: '' });
  });

  it('systemd would say something of a key it does not know', () => {
    const units = copies((service) => service.replace('WatchdogSec=', 'WatchdogSecs='));
    expect(analyze('verify', '--man=no', ...units).said).toContain('WatchdogSecs');
  });

  it('systemd finds the daemon exposed to 1.5 of 10 at most', () => {
    const service = join(UNITS, 'sms-spoold.service');
    const { status, said } = analyze('security', '--offline=true', '--threshold=15', service);
    expect(status, said.trim().split('\n').at(-1)).toBe(0);
  });
});

describe('the unit', () => {
  it('the unit lets no signal open a debugger and no core hold the secret, and so does the wrapper', () => {
    expect(text('sms-spoold.service')).toMatch(/^ExecStart=\S+ --disable-sigusr1 /m);
    expect(text('sms-spoold.service')).toMatch(/^LimitCORE=0$/m);
    const wrapper = readFileSync(resolve(UNITS, '../src/packaging/debian/sms-spoold'), 'utf8');
    expect(wrapper).toMatch(/^exec \S+\/node --disable-sigusr1 /m);
  });

  it('the unit runs Node with the limits that npm start has', () => {
    const [, start = ''] = /^ExecStart=(.*)$/m.exec(text('sms-spoold.service')) ?? [];
    const { scripts } = JSON.parse(
      readFileSync(resolve(UNITS, '../package.json'), 'utf8'),
    ) as Package;
    const limits = (command: string): readonly string[] => command.match(/--max-\S+/g) ?? [];
    expect(limits(start)).toHaveLength(2);
    expect(limits(start)).toEqual(limits(scripts.start));
  });

  it('the unit is not restarted after the exit codes that a restart cannot mend', () => {
    expect(text('sms-spoold.service')).toMatch(/^RestartPreventExitStatus=64 75 78$/m);
  });

  it('the unit takes receipts where the daemon does by default', () => {
    const example = readFileSync(resolve(UNITS, '../config/sms-spoold.toml'), 'utf8');
    const [, listen] = /^ListenStream=(.*)$/m.exec(text('sms-spoold.socket')) ?? [];
    expect(example).toContain(`"${listen ?? ''}"`);
  });
});

interface Package {
  readonly scripts: { readonly start: string };
}
