/**
 * Finds the next probe of a run of refusals: reads rows at many places of the lanes that may go, and picks the
 * one that is most unlike the refused ones (core/account/refusal-run). Rows that may not go now are moved out of the way
 * by the claimer, as for any claim.
 *
 * Always holds: one look reads a bounded number of rows, however long the queues are.
 */
import {
  pickProbe,
  placesOf,
  sourcesToProbe,
  type ProbeCandidate,
  type RefusedRow,
} from '../../core/account/refusal-run.ts';
import type { OpenRun } from '../../core/account/run-judge.ts';
import { isRetryRank, type SourceKey } from '../../core/message/sort-key.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Lane } from './lane.ts';
import type { ProbeRow } from './probe-row.ts';

/** Rows that one look compares, and refused messages that they are compared with. */
const COMPARED_MAX = 64;
/** Places of all queues together that one look chooses among. */
const PLACES_MAX = 10_000;

/** Finds a row in these lanes for the next probe of a run; null = none may go. */
export type FindUnlike = (lanes: readonly Lane[], run: OpenRun) => ProbeRow | null;

export interface UnlikeParts {
  readonly spool: Spool;
  readonly account: string;
  /** The name that a row without a sender is sent with; null = there is none. */
  readonly defaultSender: string | null;
  /** Whether the row may go now; one that may not is moved out of the way, if this step still moves rows. */
  readonly sift: (row: ReadyRow) => 'may-go' | 'moved' | 'enough';
}

type Candidate = ProbeRow & ProbeCandidate;

interface Source {
  readonly lane: Lane;
  readonly key: SourceKey;
  readonly campaign: string | null;
  readonly sender: string | null;
}

export function findUnlike(
  lanes: readonly Lane[],
  run: OpenRun,
  { spool, account, defaultSender, sift }: UnlikeParts,
): ProbeRow | null {
  const refused = spool.setAside
    .refused({ account, sender: run.sender }, COMPARED_MAX)
    .map((row) => ({ ...row, sender: row.sender ?? defaultSender }));
  const probes = run.refused;
  for (;;) {
    const candidates = read(lanes, { spool, refused, probes });
    while (candidates.length > 0) {
      const picked = pickProbe(candidates, refused, probes);
      const verdict = picked === null ? 'enough' : sift(picked.row);
      if (picked === null || verdict === 'enough') return null;
      if (verdict === 'may-go') return picked;
      candidates.splice(candidates.indexOf(picked), 1);
    }
    /* All that were read have been moved out of the way: others may follow. */
    if (!lanes.some(({ hasRows }) => hasRows)) return null;
  }
}

function read(
  lanes: readonly Lane[],
  about: {
    readonly spool: Spool;
    readonly refused: readonly RefusedRow[];
    readonly probes: number;
  },
): Candidate[] {
  const { spool, refused, probes } = about;
  const sources = sourcesToProbe(sourcesOf(lanes), refused, { probes, limit: COMPARED_MAX });
  const count = Math.max(1, sources.length);
  const found = sources.map((source) => ({
    source,
    ids: spool.claims.turns(source.key, Math.floor(PLACES_MAX / count)),
  }));
  /* What was known of an empty source is out of date: it would be looked into again and again. */
  for (const { source, ids } of found) if (ids.length === 0) source.lane.forgetSource(source.key);
  const wanted = Math.max(1, Math.floor(COMPARED_MAX / count));
  return found.flatMap(({ source, ids }) =>
    placesOf(ids.length, wanted, probes).flatMap((place) =>
      spool.claims
        .rows(ids.slice(place, place + 1))
        .map((row) => candidateOf(row, source, place / ids.length)),
    ),
  );
}

function sourcesOf(lanes: readonly Lane[]): readonly Source[] {
  return lanes.flatMap((lane) =>
    lane.sources.map((key) => ({ lane, key, campaign: key.campaign, sender: lane.sender })),
  );
}

function candidateOf(row: ReadyRow, { lane }: Source, place: number): Candidate {
  const { campaign, recipient, priority, rank } = row;
  return {
    ...{ row, lane, campaign, sender: lane.sender, recipient, priority, place },
    isRetry: isRetryRank(rank),
  };
}
