/**
 * Finds the next probe of a run of refusals: reads rows at many places of the lanes that are open, and picks the one
 * that is most unlike the refused ones (core/account/refusal-run).
 *
 * Always holds: one look reads a bounded number of rows, however long the queues are, and writes nothing.
 */
import {
  pickProbe,
  placesOf,
  sourcesToProbe,
  type ProbeCandidate,
} from '../../core/account/refusal-run.ts';
import type { OpenRun } from '../../core/account/run-judge.ts';
import type { Policy } from '../../core/account/policy.ts';
import { isRetryRank } from '../../core/message/sort-key.ts';
import type { Spool } from '../../spool/spool.ts';
import type { FoundRow } from './account-queue.ts';
import type { Lane, RowReader } from './lane.ts';

/** Rows that one look compares, and refused messages that they are compared with. */
const COMPARED_MAX = 64;
/** Places of all queues together that one look chooses among. */
const PLACES_MAX = 10_000;

/** A row of these lanes; null = none may be sent, as far as one look sees. */
export function probeOf(
  { sender, refused: probes }: OpenRun,
  lanes: readonly Lane[],
  about: {
    readonly spool: Spool;
    readonly policy: () => Pick<Policy, 'defaultSenders'>;
    readonly account: string;
    readonly reader: RowReader;
  },
): FoundRow | null {
  const { spool, policy, account, reader } = about;
  const defaultSender = policy().defaultSenders.get(account) ?? null;
  const refused = spool.setAside
    .refused({ account, sender }, COMPARED_MAX)
    .map((row) => ({ ...row, sender: row.sender ?? defaultSender }));
  const all = lanes.flatMap((lane) =>
    lane.sources.map((key) => ({ lane, key, campaign: key.campaign, sender: lane.sender })),
  );
  const sources = sourcesToProbe(all, refused, { probes, limit: COMPARED_MAX });
  const count = Math.max(1, sources.length);
  const candidates = sources.flatMap(({ lane, key }) => {
    const ids = spool.claims.turns(key, Math.floor(PLACES_MAX / count));
    /* What was known of an empty source is out of date: it would be looked into again and again. */
    if (ids.length === 0) lane.forgetSource(key);
    return placesOf(ids.length, Math.max(1, Math.floor(COMPARED_MAX / count)), probes).flatMap(
      (place) =>
        spool.claims
          .rows(ids.slice(place, place + 1))
          .map((row) => ({ row, lane, ...comparedOf(row, lane, place / ids.length) })),
    );
  });
  for (;;) {
    const picked = pickProbe(candidates, refused, probes);
    if (picked === null || reader.judge(picked.row, picked.lane.sender) === 'send') return picked;
    candidates.splice(candidates.indexOf(picked), 1);
  }
}

function comparedOf(row: FoundRow['row'], { sender }: Lane, place: number): ProbeCandidate {
  const { campaign, recipient, priority, rank } = row;
  return { campaign, sender, recipient, priority, place, isRetry: isRetryRank(rank) };
}
