/**
 * Loaded into the daemon before itself (`node --import`): kills the process, with SIGKILL, as soon as the
 * spool's file changes. Under WAL that is a checkpoint and nothing else. A thread of its own watches, because
 * the one that copies is inside SQLite meanwhile; it only ever asks `stat`, which opens nothing.
 */
import { statSync } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';

const path = process.env['SMS_SPOOLD_KILL_SPOOL'] ?? '';
const changedAt = (): bigint => statSync(path, { bigint: true }).mtimeNs;

if (isMainThread) {
  new Worker(new URL(import.meta.url), { execArgv: [] }).unref();
} else {
  const before = changedAt();
  while (changedAt() === before);
  process.kill(process.pid, 'SIGKILL');
}
