/**
 * Lists exit codes, places of the configuration, environment variables, files and signals. Both `--help` and the manual
 * page are made from these lists, so that they cannot differ.
 */
import { ENVIRONMENT_KEYS, LOCAL_FILE, SYSTEM_FILE } from '../../config/find.ts';
import type { EXIT } from '../../terminal/exit-codes.ts';
import { wrap } from '../../terminal/wrap.ts';

/** A name and what it stands for, in one sentence without a full stop. */
export type Fact = readonly [name: string, meaning: string];

const MEANINGS: Readonly<Record<(typeof EXIT)[keyof typeof EXIT], string>> = {
  0: 'done',
  1: 'failed',
  64: 'bad usage',
  75: 'try again (the spool belongs to another daemon or is locked)',
  78: 'bad configuration',
};

/** Exit codes, ascending. */
export const EXIT_CODES: readonly Fact[] = Object.entries(MEANINGS);

/** Where the configuration is looked for, first to last; the environment alone comes last. */
export const CONFIGURATION_PLACES: readonly string[] = [
  '--config FILE',
  '$SMS_SPOOLD_CONFIG',
  `./${LOCAL_FILE}`,
  SYSTEM_FILE,
];

export const ENVIRONMENT: readonly Fact[] = [
  ['SMS_SPOOLD_CONFIG', 'the configuration file, where --config names none'],
  [
    Object.values(ENVIRONMENT_KEYS).join(', '),
    'one account, main, on ./spool.db, where there is no configuration file',
  ],
  [
    'CREDENTIALS_DIRECTORY',
    'set by systemd: where secrets of the form { credential = "NAME" } are',
  ],
  ['TZ', 'the zone of times that have none, given or shown'],
];

/** Files of a packaged installation. The configuration names the second and the third. */
export const FILES: readonly Fact[] = [
  [SYSTEM_FILE, 'the configuration; TOML, every key is explained in the example that comes along'],
  [
    '/var/lib/sms-spoold/spool.db',
    'the spool; SQLite keeps a -wal and a -shm next to it, the daemon a .lock',
  ],
  ['/var/log/sms-spoold/status.log', 'the status log, where log.file asks for one'],
];

export const SIGNALS: readonly Fact[] = [
  [
    'SIGTERM, SIGINT',
    'drain: what has not left is given back, what has is waited for. A second one leaves at once',
  ],
  [
    'SIGHUP',
    'read the configuration again and open the log file again. A wrong one changes nothing; the log says why',
  ],
];

const WIDTH = 80;

/** The end of `--help`: where the configuration is looked for, and the exit codes. At most 80 columns. */
export function factsOfHelp(): string {
  const [first = '', ...others] = CONFIGURATION_PLACES;
  const keys = Object.values(ENVIRONMENT_KEYS);
  const variables = `${keys.slice(0, -1).join(', ')} and ${keys.at(-1) ?? ''}`;
  const places = [first, ...others.map((place) => `else ${place}`)].join(', ');
  const codes = EXIT_CODES.map(([code, meaning]) => `${code} ${meaning}`).join(', ');
  return [
    wrap(`Configuration: ${places}, else ${variables} from the environment.`, 0, WIDTH),
    wrap(`Exit codes: ${codes}.`, 0, WIDTH),
  ].join('\n\n');
}
