/**
 * The unit under a real systemd, in a container. Where none can be booted, the title says why.
 * `npm run test:systemd`.
 */
import { describe, expect, it } from 'vitest';
import { CONFIG, Installed, whyNoMachine } from '../installed.ts';

const why = await whyNoMachine();

/** Answered after so many tenths of a second the first time, and accepted at once. */
const slow = (tenths: number, number = 1): string =>
  `9997${String(tenths).padStart(3, '0')}1${String(number).padStart(4, '0')}`;
const MODE_OF = 'stat -c "%a %U %G"';

describe.skipIf(why !== null)(`under systemd${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('is ready when it listens, has read its credential, and says how it is', async () => {
    const it = await Installed.setup();
    expect(it.property('ActiveState')).toBe('active');
    expect(it.property('NRestarts')).toBe('0');
    const id = it.drop();
    await it.untilState(id, 'await-receipt');
    expect(it.property('StatusText')).toMatch(/^\d+ queued, \d+ in flight, [\d.]+\/s$/);
    expect(it.events()).toEqual(expect.arrayContaining(['daemon.started', 'daemon.ready']));
    expect(it.machine.say(`${MODE_OF} /run/credentials/sms-spoold.service/api-secret`)).toMatch(
      /^4[04]0 /,
    );
  });
});
