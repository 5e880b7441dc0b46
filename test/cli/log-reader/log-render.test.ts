/** The status log as people see it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readLine } from '../../../src/cli/log-reader/log-line.ts';
import { Renderer } from '../../../src/cli/log-reader/log-render.ts';
import { LOG } from '../../log/sample.ts';

beforeAll(() => {
  process.env['TZ'] = 'UTC';
});

function render(width: number, isColoured = false): string {
  const renderer = new Renderer({ width, isColoured });
  const lines = [...LOG.trimEnd().split('\n'), 'half a l\u001bine'];
  return lines.map((line) => renderer.render(readLine(line))).join('\n');
}

const NARROW = `
── 2026-11-23 ──────────────────────────────────────────────────────────────────
09:15:00         ready              daemon · accounts main, second
09:15:02      41 await-receipt      4477…000 · AcmeInc · order-9 · 84 ms
09:15:03      42 retry              4477…000 · AcmeInc · order-10 ·
                                    internal-error · status 5 · attempt 2 ·
                                    waited 1.2 s · 84 ms · again at 09:15:09
09:15:04         suspended          account main · wrong-credentials · looked at
                                    again at 09:15:09 · check api_key and
                                    api_secret, then send SIGHUP or run
                                    sms-spoold resume main
── 2026-11-24 ──────────────────────────────────────────────────────────────────
09:15:05         throttled          sender 12015550123 of main · waits 1 s
09:15:06 1234567 permanent-failure  4477…000 · AcmeInc ·
                                    evil\\u{1B}[31m\\u{9B}2J\\u{A}ref · invalid ·
                                    status 3
half a l\\u{1B}ine`;

const DASHES = '─'.repeat(200 - '── 2026-11-23 '.length);
const WIDE = `
── 2026-11-23 ${DASHES}
09:15:00         ready              daemon · accounts main, second
09:15:02      41 await-receipt      4477…000 · AcmeInc · order-9 · 84 ms
09:15:03      42 retry              4477…000 · AcmeInc · order-10 · internal-error · status 5 · attempt 2 · waited 1.2 s · 84 ms · again at 09:15:09
09:15:04         suspended          account main · wrong-credentials · looked at again at 09:15:09 · check api_key and api_secret, then send SIGHUP or run sms-spoold resume main
── 2026-11-24 ${DASHES}
09:15:05         throttled          sender 12015550123 of main · waits 1 s
09:15:06 1234567 permanent-failure  4477…000 · AcmeInc · evil\\u{1B}[31m\\u{9B}2J\\u{A}ref · invalid · status 3
half a l\\u{1B}ine`;

/** The colours taken off. */
const plain = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/g, '');

describe('the log for people', () => {
  it('the log for people fits 80 columns', () => {
    expect(`\n${render(80)}`).toBe(NARROW);
  });

  it('the log for people uses 200 columns', () => {
    expect(`\n${render(200)}`).toBe(WIDE);
  });

  it('the log for people is the same in colour, and lets no other control character pass', () => {
    const coloured = render(80, true);
    expect(coloured).not.toBe(plain(coloured));
    expect(`\n${plain(coloured)}`).toBe(NARROW);
    expect(plain(coloured)).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(render(80)).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it('the log for people says of a line that was written late when it happened', () => {
    const line = { level: 'info', time: '2026-11-23T10:00:00Z', at: '2026-11-23T09:00:00Z' };
    const text = JSON.stringify({ ...line, event: 'message.delivered', id: 1, to: 'delivered' });
    const shown = new Renderer({ width: 80, isColoured: false }).render(readLine(text));
    expect(shown).toMatch(/\n09:00:00 +1 delivered +written late$/);
  });
});
