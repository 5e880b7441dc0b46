/** Debian's lnav reads the status log by the format that the package ships. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { setup } from '../support/daemon.ts';
import { ROOT, textOf } from '../support/sources.ts';
import { makeFolder } from '../support/spool.ts';

const FORMAT = join(ROOT, 'config/sms-spoold.lnav.json');
const hasLnav = spawnSync('lnav', ['-V']).error === undefined;
const REFUSED = '999102900001';

interface Line {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly id?: number;
}

/** lnav with the format installed as the README says, in a home of its own. */
function lnavIn(home: string) {
  const run = (...args: readonly string[]): string => {
    const { stdout, stderr, status } = spawnSync('lnav', args, {
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config') },
      encoding: 'utf8',
      input: '',
    });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.not.stringContaining('✘') as string,
    });
    return stdout;
  };
  run('-i', FORMAT);
  run('-C');
  return run;
}

/** The log of a daemon that sent one message, had one refused, and stopped. */
async function writeLog(): Promise<{ readonly file: string; readonly lines: readonly Line[] }> {
  const file = join(makeFolder(), 'status.log');
  const bundle = await setup({ log: { file } });
  await bundle.untilState(bundle.drop({ reference: 'order-9' }), 'await-receipt');
  await bundle.untilState(bundle.drop({ recipient: REFUSED }), 'permanent-failure');
  await bundle.stop();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return { file, lines: lines.map((line) => JSON.parse(line) as Line) };
}

describe.skipIf(!hasLnav)('lnav (needs lnav)', () => {
  const select = (rest: string): readonly string[] => [
    ...['-n', '-c', `;SELECT log_time, log_level, event, id FROM sms_spoold ${rest}`],
    ...['-c', ':write-json-to -'],
  ];
  /* lnav writes a number as a text where the first row of its column is NULL. */
  const rowsOf = (json: string): readonly unknown[] =>
    (JSON.parse(json) as { readonly id: unknown }[]).map(({ id, ...rest }) => ({
      ...rest,
      id: id === null ? null : Number(id),
    }));
  const rowOf = ({ time, level, event, id }: Line): object => ({
    log_time: time.replace('T', ' ').replace('Z', ''),
    log_level: level === 'warn' ? 'warning' : level,
    event,
    id: id ?? null,
  });

  it('lnav (needs lnav) reads time, level and message of each line of the status log, also of a compressed one', async () => {
    const { file, lines } = await writeLog();
    const levels = new Set(lines.map(({ level }) => level));
    expect([...levels].toSorted()).toEqual(['info', 'warn']);
    const lnav = lnavIn(makeFolder());
    expect(rowsOf(lnav(...select(''), file))).toEqual(lines.map(rowOf));
    writeFileSync(`${file}.2.gz`, gzipSync(readFileSync(file)));
    expect(rowsOf(lnav(...select(''), `${file}.2.gz`))).toEqual(lines.map(rowOf));
  });

  it('lnav (needs lnav) gives the lines of one message by its id', async () => {
    const { file, lines } = await writeLog();
    const ofFirst = lines.filter(({ id }) => id === 1);
    expect(ofFirst.length).toBeGreaterThan(0);
    const lnav = lnavIn(makeFolder());
    expect(rowsOf(lnav(...select('WHERE id = 1'), file))).toEqual(ofFirst.map(rowOf));
    const shown = lnav('-n', '-c', ':filter-expr :id = 1', file).trim().split('\n');
    expect(shown).toHaveLength(ofFirst.length);
    expect(shown.at(-1)).toContain('message.await-receipt');
    expect(shown.at(-1)).toContain('order-9');
  });
});

describe('the format for lnav', () => {
  it('the format for lnav knows each field of a line, but those whose name is a word of SQL', () => {
    const [, table = ''] = textOf('CONTRACT.md').split('| field | holds |');
    const fields = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, name]) => name,
    );
    const { sms_spoold: format } = JSON.parse(readFileSync(FORMAT, 'utf8')) as {
      readonly sms_spoold: { readonly value: object };
    };
    const known = ['time', 'level', 'from', 'to', 'limit', ...Object.keys(format.value)];
    expect(known.toSorted()).toEqual(fields.toSorted());
  });
});
