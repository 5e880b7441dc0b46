/**
 * Decides the outcome of a message: a fold over its attempts, the parts of their answers, and the receipts and reports
 * about them. Pure.
 *
 * Always holds: the result does not depend on the order of the receipts, nor on repeats. A receipt for any attempt proves
 * that attempt accepted; one delivered attempt makes the message delivered; it is undelivered only when every accepted
 * attempt failed.
 */
import type { MessageReason } from '../codes/reasons.ts';
import { sumOf } from '../message/price.ts';
import { RECEIPT_CODES } from '../codes/receipt-codes.ts';
import { UNDELIVERED, fateOf, join, type Fate, type Word } from './receipt.ts';

/** A part as the spool has it. */
export interface PartFact {
  readonly number: number;
  readonly gatewayId: string | null;
  /** The answer's code; null = it has none, or only a receipt names the part. */
  readonly status: number | null;
  readonly price: number | null;
  readonly network: string | null;
}

export interface AttemptFact {
  readonly number: number;
  /** Null = open. */
  readonly route: string | null;
  /** It was accepted before the message was started over: only `delivered` still counts. */
  readonly isClosed: boolean;
  readonly parts: readonly PartFact[];
}

/** What one receipt said, in the order they were stored. */
export interface HeardReceipt {
  readonly attempt: number;
  readonly gatewayId: string | null;
  readonly status: string | null;
  readonly code: number | null;
  readonly price: number | null;
  readonly network: string | null;
  readonly receivedAt: number;
}

/** A part with what its receipts say. */
export interface Part extends PartFact {
  readonly word: Word | null;
  /** When the word that holds was first heard (Unix seconds); null = nothing was. */
  readonly heardAt: number | null;
}

export interface Attempt extends Omit<AttemptFact, 'parts'> {
  readonly parts: readonly Part[];
}

export interface Expectation {
  /** How many parts the message should have had, where no answer says it. */
  readonly predictedParts: number;
  /** For this recipient `accepted` is the last word that ever comes. */
  readonly isEnough: boolean;
  /** Nothing more is waited for. */
  readonly isOver: boolean;
}

/** The outcome of the message; null = nothing proves that it was accepted. */
export interface Outcome {
  readonly to: 'await-receipt' | 'delivered' | 'undelivered' | 'unconfirmed' | null;
  readonly reason: MessageReason;
  /** Attempts that were accepted; more than one means a duplicate. */
  readonly accepted: number;
  /** All accepted attempts failed, and another one may still prove accepted. */
  readonly waitsForProof: boolean;
  /** The last words about the parts of the latest attempt that failed. */
  readonly failures: readonly Word[];
  /** The gateway refused some of its parts. */
  readonly isInPart: boolean;
}

/** Brings together what the answers told and what was heard; a part that only a receipt knows is appended. */
export function hear(
  attempts: readonly AttemptFact[],
  heard: readonly HeardReceipt[],
  isEnough: boolean,
): readonly Attempt[] {
  return attempts.map((attempt) => {
    const own = heard.filter((one) => one.attempt === attempt.number);
    const isAnswered = attempt.parts.some(({ status }) => status === 0);
    const found = isAnswered ? [] : partsFound(attempt.parts, own);
    const parts = [...attempt.parts, ...found];
    return { ...attempt, parts: parts.map((part) => heardOf(part, own, { isEnough, parts })) };
  });
}

/** What the attempts of a message come to. */
export function fold(attempts: readonly Attempt[], expected: Expectation): Outcome {
  const accepted = attempts.filter(isAccepted);
  const fates = new Map(accepted.map((one) => [one, attemptFate(one, expected)]));
  const counting = accepted.filter((one) => !one.isClosed);
  const latest = counting.at(-1) ?? null;
  const base = {
    accepted: accepted.length,
    waitsForProof: false,
    failures: latest === null ? [] : failuresOf(latest, expected.isEnough),
    isInPart: latest !== null && isInPart(latest),
  };
  const delivered = accepted.find((one) => fates.get(one) === 'delivered');
  if (delivered !== undefined) return { ...base, to: 'delivered', reason: deliveredBy(delivered) };
  if (latest === null) return { ...base, to: null, reason: 'unanswered' };
  const reason = base.isInPart ? 'accepted-in-part' : failureName(base.failures);
  if (counting.every((one) => fates.get(one) === 'undelivered')) {
    const waitsForProof = !expected.isOver && attempts.some(mayProveAccepted);
    if (!waitsForProof) return { ...base, to: 'undelivered', reason };
    return { ...base, waitsForProof, to: 'await-receipt', reason: 'another-attempt-may-arrive' };
  }
  if (expected.isOver) return overdue(base, counting, expected, reason);
  return { ...base, to: 'await-receipt', reason: base.isInPart ? reason : 'accepted' };
}

/** Whether the gateway is known to have taken this attempt, or part of it. */
export function isAccepted(attempt: Attempt): boolean {
  return acceptedParts(attempt).length > 0;
}

/** The sum of the parts that were accepted, over all attempts (EUR); null = no price is known. */
export function priceOf(attempts: readonly Attempt[]): number | null {
  return sumOf(attempts.flatMap(acceptedParts).map(({ price }) => price));
}

/* One failed part is enough to say that an attempt will not arrive whole. */
function overdue(
  base: Omit<Outcome, 'to' | 'reason'>,
  counting: readonly Attempt[],
  expected: Expectation,
  reason: MessageReason,
): Outcome {
  const hasFailed = (attempt: Attempt): boolean =>
    attemptFate(attempt, expected) === 'undelivered' ||
    failuresOf(attempt, expected.isEnough).length > 0;
  return counting.every(hasFailed)
    ? { ...base, to: 'undelivered', reason }
    : { ...base, to: 'unconfirmed', reason: 'no-final-receipt' };
}

function mayProveAccepted(attempt: Attempt): boolean {
  return attempt.route === 'uncertain' && !isAccepted(attempt);
}

/* Without an answer the number of parts is not known: the predicted number is enough. */
function attemptFate(attempt: Attempt, expected: Expectation): Fate {
  const parts = acceptedParts(attempt);
  const fates = parts.map(({ word }) => fateOf(word?.status ?? null, expected.isEnough));
  const isAnswered = parts.some(({ status }) => status === 0);
  const delivered = fates.filter((fate) => fate === 'delivered').length;
  if (!isAnswered && delivered >= expected.predictedParts) return 'delivered';
  const isWhole = isAnswered || parts.length >= expected.predictedParts;
  if (!isWhole || fates.includes('open')) return 'open';
  return isInPart(attempt) || fates.includes('undelivered') ? 'undelivered' : 'delivered';
}

function acceptedParts({ parts }: Attempt): readonly Part[] {
  return parts.filter(
    ({ status, heardAt }) => status === 0 || (status === null && heardAt !== null),
  );
}

/* An element without a status is not accepted until a receipt names it. */
function isInPart(attempt: Attempt): boolean {
  const { parts } = attempt;
  return parts.some(({ status }) => status === 0) && acceptedParts(attempt).length < parts.length;
}

function failuresOf(attempt: Attempt, isEnough: boolean): readonly Word[] {
  return acceptedParts(attempt).flatMap(({ word }) =>
    word !== null && fateOf(word.status, isEnough) === 'undelivered' ? [word] : [],
  );
}

/** The name of the err-code, where it says more than the status does. */
function failureName(failures: readonly Word[]): MessageReason {
  const code = failures.find((one) => (one.code ?? 0) > 1)?.code ?? null;
  const known = RECEIPT_CODES.find((entry) => entry.code === code);
  const said = UNDELIVERED.find((word) => word === failures[0]?.status);
  return known?.name ?? said ?? 'undelivered';
}

function deliveredBy({ parts }: Attempt): MessageReason {
  return parts.some(({ word }) => word?.status === 'accepted')
    ? 'accepted-is-enough'
    : 'receipt-delivered';
}

/* Ids that no answer told. What has no id at all is one part. */
function partsFound(
  known: readonly PartFact[],
  heard: readonly HeardReceipt[],
): readonly PartFact[] {
  const ids = new Set(known.filter(({ status }) => status === null).map((one) => one.gatewayId));
  const last = known.at(-1)?.number ?? 0;
  const found: PartFact[] = [];
  for (const { gatewayId, price, network } of heard) {
    if (ids.has(gatewayId)) continue;
    ids.add(gatewayId);
    found.push({ number: last + found.length + 1, gatewayId, status: null, price, network });
  }
  return found;
}

function heardOf(
  part: PartFact,
  heard: readonly HeardReceipt[],
  about: { readonly isEnough: boolean; readonly parts: readonly PartFact[] },
): Part {
  const isTaken = part.status === 0 || part.status === null;
  const own = isTaken ? heard.filter((one) => isAbout(one, part, about.parts)) : [];
  const words = own.flatMap(({ status, code }) => (status === null ? [] : [{ status, code }]));
  const word = words.reduce<Word | null>((a, b) => join(a, b, about.isEnough), null);
  const first = own.find((one) => one.status === word?.status && one.code === word.code);
  return {
    ...part,
    price: highest([part.price, ...own.map(({ price }) => price)]),
    network: part.network ?? own.find(({ network }) => network !== null)?.network ?? null,
    word,
    heardAt: first?.receivedAt ?? own[0]?.receivedAt ?? null,
  };
}

/* The same in any order. */
function highest(prices: readonly (number | null)[]): number | null {
  const known = prices.filter((price) => price !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/* A receipt without an id can only be about the one part there is. */
function isAbout(heard: HeardReceipt, part: PartFact, parts: readonly PartFact[]): boolean {
  /* Parts without an id are told apart only where there is one. */
  const isNamed = heard.gatewayId !== null || part.status === null;
  if (isNamed && heard.gatewayId === part.gatewayId) return true;
  const accepted = parts.filter(({ status }) => status === 0);
  const isOnly = accepted.length === 1 && accepted[0] === part;
  return isOnly && (heard.gatewayId === null || part.gatewayId === null);
}
