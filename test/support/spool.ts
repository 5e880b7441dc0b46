// A spool in a folder of its own with two handles: the daemon's, and an application's or an operator's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Settlement } from '../../src/core/answer/settle.ts';
import { dropInto, type DropRow } from '../../src/spool/write/insert.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import type { AttemptEnd, Ended } from '../../src/spool/write/settlements.ts';
import { OwnFolder } from '../../src/spool/file/own-folder.ts';
import { Spool } from '../../src/spool/spool.ts';

export const NOW = 1_790_000_000;

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The own folder of a daemon on this spool: next to it, unless others may write there. */
export function ownFolderOf(spool: string): OwnFolder {
  return OwnFolder.open({ own: null, spool, env: process.env });
}

export type Row = Readonly<Record<string, unknown>>;

export interface Handle {
  readonly db: Database;
  /** Inserts a row, to an ordinary recipient unless it names one; gives its id. */
  readonly drop: (row?: DropRow) => number;
  readonly message: (id: number) => Row;
  readonly all: (sql: string, ...values: readonly unknown[]) => readonly Row[];
}

/** An application's own connection; it waits for locks as applications should. */
export function openHandle(path: string, busyTimeoutMs = 5_000): Handle {
  const db = openSpool(path, { create: true, busyTimeoutMs });
  onTestFinished(() => void db.close());
  const drop = dropInto(db);
  const all = (sql: string, ...values: readonly unknown[]): readonly Row[] =>
    db.prepare(sql).all(...values) as Row[];
  return {
    db,
    all,
    drop: (row = {}) => drop({ recipient: '447700900000', text: 'Your table is ready', ...row }),
    message: (id) => all('SELECT * FROM messages WHERE id = ?', id)[0] ?? {},
  };
}

export function setup() {
  const path = join(makeFolder(), 'spool.db');
  const other = openHandle(path);
  const spool = Spool.open(path);
  onTestFinished(() => spool.close());
  /** Runs `work` as the daemon does; fails where the lock was held. */
  const commit = <T>(work: () => T): T => {
    const result = spool.transaction(work);
    if (result === 'busy') throw new Error('the spool was locked');
    return result;
  };
  const claim = (...ids: readonly number[]): void =>
    commit(() => {
      const rows = ids.map((id) => ({ id, number: lastAttempt(id) + 1, follows: null }));
      const refs = rows.map((row) => ({
        ...row,
        clientRef: spool.claims.clientRef(row.id, row.number),
      }));
      spool.claims.write(refs, NOW);
    });
  const lastAttempt = (id: number): number => Number(other.message(id)['last_attempt']);
  return { path, spool, other, commit, claim };
}

export const ACCEPTED: Settlement = {
  to: 'await-receipt',
  reason: 'accepted',
  attempts: 1,
  throttles: 0,
  nextAttemptAt: null,
  dueAt: NOW + 300,
  follows: null,
};

export const END: AttemptEnd = {
  endedAt: NOW + 1,
  httpStatus: 200,
  status: 0,
  errorText: null,
  traceId: 'trace',
  route: 'await-receipt',
  scope: 'message',
};

export const PART = {
  status: 0,
  gatewayId: 'id-1',
  price: 0.05,
  network: '23410',
  errorText: null,
  balance: null,
};

/** The end of an attempt, accepted in one part unless it says otherwise. */
export function ended(id: number, over: Partial<Ended> = {}, number = 1): Ended {
  const claim = { id, number, price: null };
  return { claim, settlement: ACCEPTED, end: END, parts: [PART], ...over };
}
