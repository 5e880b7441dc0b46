/** The spool's disk fails under the daemon: I/O errors end it within seconds, a full quota is waited out. */
import { afterAll, describe, expect, it } from 'vitest';
import { rigUp } from './rig.ts';
import { Shims } from './shim.ts';

const shims = new Shims();
afterAll(() => shims[Symbol.dispose]());
const skipped = shims.isThere ? '' : ' (skipped: there is no cc)';

const REQUESTS = 13;

describe.skipIf(!shims.isThere)(`a disk that fails${skipped}`, () => {
  it.each(['EIO-WRITE', 'EIO-FSYNC'] as const)(
    'a disk that fails with %s ends the daemon with exit code 1, one line of the error and one for each outcome that is lost',
    async (fault) => {
      const rig = await rigUp({
        account: `concurrency = ${REQUESTS}`,
        sandbox: { latencyMs: 300 },
      });
      const shim = shims.make();
      const program = rig.start({ env: shim.env });
      await program.line(({ event }) => event === 'daemon.ready');
      rig.drop(REQUESTS);
      await rig.until(() => rig.sandbox.ledger.counters.open === REQUESTS);
      shim.fail(fault);
      expect(await program.end()).toEqual({ code: 1, signal: null });
      const said = (event: string): number =>
        program.lines.filter((line) => line.event === event).length;
      expect(said('daemon.failed')).toBe(1);
      expect(said('message.unwritten')).toBe(REQUESTS);
      expect(program.lines.at(-1)).toMatchObject({ event: 'daemon.stopped', level: 'error' });
    },
  );

  it('a disk that fails for a moment only costs no outcome: what is known is written by one more try', async () => {
    const rig = await rigUp({ account: `concurrency = ${REQUESTS}`, sandbox: { latencyMs: 300 } });
    const shim = shims.make();
    const program = rig.start({ env: shim.env });
    await program.line(({ event }) => event === 'daemon.ready');
    rig.drop(REQUESTS);
    await rig.until(() => rig.sandbox.ledger.counters.open === REQUESTS);
    shim.fail('EIO-WRITE');
    await program.line(({ event }) => event === 'daemon.failed');
    shim.recover();
    expect(await program.end()).toEqual({ code: 1, signal: null });
    expect(program.lines.filter(({ event }) => event === 'message.unwritten')).toEqual([]);
    expect(rig.count('await-receipt')).toBe(REQUESTS);
  });

  it('because the quota is full is waited out, as a full disk is', async () => {
    const rig = await rigUp({ account: `concurrency = ${REQUESTS}`, sandbox: { latencyMs: 100 } });
    const shim = shims.make();
    const program = rig.start({ env: shim.env });
    await program.line(({ event }) => event === 'daemon.ready');
    rig.drop(REQUESTS);
    await rig.until(() => rig.sandbox.ledger.counters.open > 0);
    shim.fail('EDQUOT');
    await program.line(({ event }) => event === 'daemon.disk-full');
    shim.recover();
    await rig.until(() => rig.count('await-receipt') === REQUESTS);
    expect(rig.sandbox.ledger.counters.requests).toBe(REQUESTS);
    program.kill('SIGTERM');
    expect(await program.end()).toEqual({ code: 0, signal: null });
    expect(program.lines.map(({ event }) => event)).not.toContain('daemon.failed');
  });
});
