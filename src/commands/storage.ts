/** What `stats` says of the spool itself: how large it is, what is pruned next, whether it was restored. */
import { restoredFrom } from '../spool/restored.ts';
import { storageOf, type Storage } from '../spool/storage.ts';
import { terminalWidth } from '../terminal/width.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { wrap } from '../terminal/wrap.ts';
import type { OpenedSpool } from './opened.ts';

const MIB = 1024 ** 2;

/** When the daemon prunes next (Unix seconds); null = there is nothing to prune, or it never does. */
export function nextPruneAt({ oldestFinalAt }: Storage, retentionMs: number | null): number | null {
  if (oldestFinalAt === null || retentionMs === null) return null;
  return oldestFinalAt + retentionMs / 1000;
}

/** JSON documents, in the order in which `stats` prints them. */
export function* storageDocuments(spool: OpenedSpool): Generator<object> {
  const storage = storageOf(spool.db, spool.config.spool.path);
  const mark = restoredFrom(spool.db);
  if (mark !== null) {
    const rolled_back = mark.isRolledBack ?? false;
    yield { kind: 'restored', backup_at: isoTime(mark.at), rolled_back };
  }
  yield {
    kind: 'storage',
    file_bytes: storage.fileBytes,
    free_bytes: storage.freeBytes,
    wal_bytes: storage.walBytes,
    oldest_final_at: isoTime(storage.oldestFinalAt),
    next_prune_at: isoTime(nextPruneAt(storage, spool.config.spool.retentionMs)),
  };
}

/** How large the spool is, and when it has less to keep. */
export function storageLine(spool: OpenedSpool): string {
  const storage = storageOf(spool.db, spool.config.spool.path);
  const { fileBytes, freeBytes, walBytes } = storage;
  const at = nextPruneAt(storage, spool.config.spool.retentionMs);
  const next = at === null ? '' : ` The oldest final message is pruned ${localTime(at)}.`;
  const size = `The spool has ${sizeOf(fileBytes)}, ${sizeOf(freeBytes)} of it free`;
  return wrap(`${size}; its -wal has ${sizeOf(walBytes)}.${next}`, 0, terminalWidth());
}

function sizeOf(bytes: number): string {
  return `${(bytes / MIB).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
}
