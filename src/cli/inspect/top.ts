/**
 * `top`: shows what waits, since when, and how fast it goes, live. Takes the numbers of the daemon if it answers in
 * time and has this spool; else counts the spool itself. Where standard output is no terminal, prints one frame.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import type { NameDefaults } from '../../core/message/lane-names.ts';
import type { Stop } from '../../core/account/stops.ts';
import { print, printJson } from '../../terminal/print.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { localTime } from '../../terminal/times.ts';
import { askDaemon } from '../top/ask-daemon.ts';
import { frameOf, type View } from '../top/frame.ts';
import { SpoolStatus } from '../top/spool-status.ts';
import { Screen } from '../top/screen.ts';
import { readVersion } from '../../version.ts';
import { openToRead } from '../open-spool.ts';
import { stoppedNow } from './stop-list.ts';

const EVERY_MS = 1_000;
const PATIENCE_MS = 1_500;

interface TopOptions {
  readonly once?: true;
  readonly json?: true;
}

export function topCommand(): Command {
  return new Command('top')
    .summary('show live what waits, since when, and how fast it goes')
    .description(
      'Shows states, accounts, throughput against the limit, what waits by lane and age, and the latest ' +
        'failures, every second; q leaves. Ages are upper bounds: under 1m are the messages that wait ' +
        'less than a minute, under 5m those between one and five; LATER are not due yet.',
    )
    .option('--once', 'one frame, as when standard output is no terminal')
    .option('--json', 'the numbers of one moment as one JSON document')
    .addHelpText('after', '\nExample:\n  $ sms-spoold top --json | jq .states.queued')
    .action(top);
}

async function top(options: TopOptions, command: Command): Promise<void> {
  using spool = openToRead(command);
  const { config, db } = spool;
  const { path } = config.spool;
  const { listen } = config.admin;
  const stops = async (): Promise<readonly Stop[]> =>
    (await stoppedNow(spool, Date.now() / 1000)).stops;
  const own = new SpoolStatus({ db, path, names: namesOf(config), version: readVersion(), stops });
  const readView = async (): Promise<View> => {
    const status = await askDaemon(listen, PATIENCE_MS);
    if (status?.spool === path) return { status, source: 'daemon', note: null };
    const why =
      status === null
        ? `${listen} (admin.listen) does not answer`
        : `the daemon on ${listen} (admin.listen) has another spool, ${status.spool}`;
    const counted = await own.status(Date.now() / 1000);
    const at = localTime(own.countedAt).slice(11);
    return { status: counted, source: 'spool', note: `${why}; spool counted at ${at}` };
  };
  if (options.json) {
    const { status, source, note } = await readView();
    await printJson({ source, note, ...status });
  } else if (options.once || !process.stdout.isTTY) {
    const lines = frameOf(await readView(), { columns: terminalWidth(), rows: null });
    await print(`${lines.join('\n')}\n`);
  } else {
    await watch(readView);
  }
}

/* Draws until the reader leaves. A resize draws the last view again. */
async function watch(readView: () => Promise<View>): Promise<void> {
  let view: View | null = null;
  using screen = new Screen(() => draw());
  const draw = (): void => {
    if (view !== null) screen.draw(frameOf(view, screen.size));
  };
  const leaving = new AbortController();
  void screen.left.then(() => leaving.abort());
  while (!leaving.signal.aborted) {
    const read = await Promise.race([readView(), screen.left]);
    if (read === undefined) return;
    view = read;
    draw();
    await sleep(EVERY_MS, undefined, leaving).catch(() => undefined); // it rejects only on leaving
  }
}

function namesOf({ accounts, defaultAccount }: Config): NameDefaults {
  const byName = accounts.map(
    ({ name, sender, senders }) => [name, { sender, senders: [...senders.keys()] }] as const,
  );
  return { accounts: new Map(byName), defaultAccount };
}
