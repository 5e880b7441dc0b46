/**
 * `top`: what waits, since when, and how fast it goes, live. The daemon's own numbers where it answers; else
 * the spool is counted here. Where standard output is no terminal, one frame.
 */
import { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import type { NameDefaults } from '../../core/message/lane-names.ts';
import type { Stop } from '../../core/account/stops.ts';
import { print, printJson } from '../../terminal/print.ts';
import { terminalWidth } from '../../terminal/terminal-width.ts';
import { readView, type FeedOptions } from '../top/feed.ts';
import { frameOf, type View } from '../top/frame.ts';
import { SpoolStatus } from '../top/spool-status.ts';
import { Screen } from '../top/screen.ts';
import { readVersion } from '../../version.ts';
import { openToRead } from '../open-spool.ts';
import { stoppedNow } from './stop-list.ts';

const EVERY_MS = 1_000;

interface TopOptions {
  readonly once?: true;
  readonly json?: true;
}

export function topCommand(): Command {
  return new Command('top')
    .summary('what waits, since when, and how fast it goes, live')
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
  const now = (): number => Date.now() / 1000;
  const stops = async (): Promise<readonly Stop[]> => (await stoppedNow(spool, now())).stops;
  const own = new SpoolStatus({ db, path, names: namesOf(config), version: readVersion(), stops });
  const feed: FeedOptions = { listen: config.admin.listen, path, own, now };
  if (options.json) {
    const { status, source, note } = await readView(feed);
    await printJson({ source, note, ...status });
  } else if (options.once || !process.stdout.isTTY) {
    const lines = frameOf(await readView(feed), { columns: terminalWidth(), rows: null });
    await print(`${lines.join('\n')}\n`);
  } else {
    await watch(feed);
  }
}

/* Draws until the reader leaves. A resize draws what was read last once more. */
async function watch(feed: FeedOptions): Promise<void> {
  let view: View | null = null;
  using screen = new Screen(() => draw());
  const draw = (): void => {
    if (view !== null) screen.draw(frameOf(view, screen.size));
  };
  const isLeft = screen.left.then(() => true);
  for (;;) {
    const read = await Promise.race([readView(feed), screen.left]);
    if (read === undefined) return;
    view = read;
    draw();
    using pause = pauseUntil(EVERY_MS);
    if (await Promise.race([pause.over, isLeft])) return;
  }
}

function pauseUntil(waitMs: number): Disposable & { readonly over: Promise<false> } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), waitMs);
  });
  return { over, [Symbol.dispose]: () => clearTimeout(timer) };
}

function namesOf({ accounts, defaultAccount }: Config): NameDefaults {
  const byName = accounts.map(
    ({ name, sender, senders }) => [name, { sender, senders: [...senders.keys()] }] as const,
  );
  return { accounts: new Map(byName), defaultAccount };
}
