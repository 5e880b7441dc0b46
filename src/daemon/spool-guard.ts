/**
 * Ends the daemon when its spool was replaced by another file, or is no longer locked.
 *
 * Always holds: after the spool was replaced nothing is sent, nothing is written, and no connection is closed, because
 * closing would copy our pages into the new file.
 */
import type { Dispatcher } from '../dispatch/loop/dispatcher.ts';
import { EXIT } from '../terminal/exit-codes.ts';
import { SpoolError } from '../spool/sql/spool-errors.ts';
import type { FileChange } from '../spool/file/file-watch.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

/** The longest wait for a place of the log that takes no lines. */
const LOG_MS = 1_000;
const REMEDY =
  'the daemon ends, and takes what is there now for a restored spool when it is started again: sms-spoold check';

export interface SpoolGuardParts {
  readonly spool: Spool;
  readonly dispatcher: Dispatcher;
  readonly log: StatusLog;
  /** A lock was deleted or replaced: another daemon could start. The spool is still ours. */
  readonly onLockLost: (error: SpoolError) => void;
}

export class SpoolGuard {
  readonly #parts: SpoolGuardParts;
  #ending: Promise<void> | null = null;

  /** Looks at the files once a second from now on. */
  constructor(parts: SpoolGuardParts) {
    this.#parts = parts;
    parts.spool.guard(this.#changed);
  }

  /** Looks now; false = the spool was replaced, and the process ends. */
  isOurs(): boolean {
    this.#parts.spool.isGuarded();
    return this.#ending === null;
  }

  /** Resolves at once; when the spool was replaced, never. */
  async untilEnded(): Promise<void> {
    await this.#ending;
  }

  readonly #changed = ({ kind, found }: FileChange): void => {
    if (kind === 'spool') this.#ending ??= this.#end(found);
    else {
      const message = `${found}; the daemon ends and takes its locks again when it is started`;
      this.#parts.onLockLost(new SpoolError('lock-lost', message));
    }
  };

  /* The outcomes of open requests are lost: they belong to a spool that is gone. */
  async #end(found: string): Promise<void> {
    const { spool, dispatcher, log } = this.#parts;
    dispatcher.halt();
    const aside = spool.abandon(new Date());
    log.say('daemon.spool-replaced', { error: found, aside, remedy: REMEDY });
    await log.drain(LOG_MS);
    process.exit(EXIT.failed);
  }
}
