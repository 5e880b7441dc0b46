/**
 * What issue 3 asks for: whatever comes in whatever order and however often, answers, receipts, crashes and
 * roll-backs, a message ends in the same state, with the same price and one confession of a duplicate.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../src/core/message/claim.ts';
import type { Receipt } from '../../src/core/receipt/receipt.ts';
import {
  Bench,
  expectLawful,
  partId,
  resent,
  TEXTS,
  TIMEOUT_S,
  unanswered,
  UNCERTAIN_AFTER_S,
  type Brought,
} from './setup.ts';

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

describe('both attempts of a re-sent message, accepted and receipted', () => {
  /** What happens once both are out; the first was not answered. */
  const EVENTS = ['answer', 'first-accepted', 'first-final', 'second-accepted', 'second-final'];
  type Event = (typeof EVENTS)[number];

  const outcomes = ['delivered', 'failed'].flatMap((one) =>
    ['delivered', 'failed'].map((other) => [one, other] as const),
  );

  async function play(
    bench: Bench,
    finals: readonly [string, string],
    order: readonly Event[],
    isOneByOne: boolean,
  ): Promise<number> {
    const first = await unanswered(bench);
    const second = await resent(bench, first);
    const heardOf = (event: Event): Receipt => {
      const [claim, final] = event.startsWith('first') ? [first, finals[0]] : [second, finals[1]];
      const status = event.endsWith('final') ? final : 'accepted';
      return bench.receipt(claim, {
        status,
        code: 8,
        price: event.startsWith('first') ? 0.03 : 0.04,
      });
    };
    for (const event of order) {
      if (event === 'answer') bench.answer(second, [{ price: 0.04 }]);
      else bench.bring(heardOf(event));
      if (isOneByOne) await bench.step();
    }
    if (!isOneByOne) await bench.step();
    return first.id;
  }

  it.each(outcomes)(
    'both attempts of a re-sent message, accepted and receipted in every order: %s and %s',
    async (...finals) => {
      const bench = new Bench();
      for (const order of permutations(EVENTS)) {
        for (const isOneByOne of [true, false]) {
          const id = await play(bench, finals, order, isOneByOne);
          const { state, price } = bench.message(id);
          const seen = { order, isOneByOne, state, duplicates: bench.duplicates(id) };
          const expected = finals.includes('delivered') ? 'delivered' : 'undelivered';
          expect(seen).toEqual({ order, isOneByOne, state: expected, duplicates: 1 });
          expect(price).toBeCloseTo(0.07);
          expectLawful(bench, id);
        }
      }
      expect(bench.receipts('message_id IS NULL')).toEqual([]);
      expect(bench.warnings).toEqual([]);
    },
  );

  it('both attempts of a re-sent message, accepted and receipted in every order, with a crash after each of them, the last answer lost', async () => {
    const bench = new Bench();
    const rest = EVENTS.filter((event) => event !== 'answer');
    for (const order of permutations(rest)) {
      const first = await unanswered(bench);
      const second = await resent(bench, first);
      for (const event of order) {
        const claim = event.startsWith('first') ? first : second;
        const status = event.endsWith('final') ? 'failed' : 'accepted';
        bench.bring(bench.receipt(claim, { status }));
        bench.crashAfterCommit();
      }
      expect([order, bench.state(first.id)]).toEqual([order, 'undelivered']);
      expect(bench.duplicates(first.id)).toBe(1);
      expectLawful(bench, first.id);
    }
  });
});

const BAD = ['failed', 'rejected', 'expired', 'undelivered', 'deleted'] as const;
/** As many good ends as bad ones: else hardly a message of several parts would be delivered. */
const anyEnd = fc.oneof(fc.constant('delivered'), fc.constantFrom(...BAD));
const mostly = fc.nat(4).map((n) => n > 0);
const anyWord = fc.record({
  status: fc.oneof(fc.constantFrom('accepted', 'buffered', 'unknown', 'parked'), anyEnd),
  code: fc.constantFrom(null, 0, 6, 8),
  hasRef: fc.boolean(),
  isPriced: fc.boolean(),
});
const anyPart = fc.record({
  words: fc.array(anyWord, { maxLength: 2 }),
  last: fc.tuple(anyWord, anyEnd).map(([word, status]) => ({ ...word, status })),
  /** One of the words surely has the client-ref: else nobody could know whose it is. */
  named: fc.nat(2),
  price: fc.constantFrom<number>(0.03, 0.05),
  isPriced: fc.boolean(),
});
const anyAttempt = fc.record({
  isAnswered: fc.boolean(),
  isAccepted: mostly,
  parts: fc.array(anyPart, { minLength: 1, maxLength: 3 }),
});
type PartPlan = typeof anyPart extends fc.Arbitrary<infer T> ? T : never;
type AttemptPlan = typeof anyAttempt extends fc.Arbitrary<infer T> ? T : never;

const anyStory = fc.record({
  predicted: fc.integer({ min: 1, max: 3 }),
  /** Not answered, where there is one; null = the first attempt is the only one. */
  before: fc.option(anyAttempt),
  last: anyAttempt,
  /** What happens next, each time, among what can. */
  draws: fc.array(fc.nat(), { minLength: 5, maxLength: 40 }),
});
type Story = typeof anyStory extends fc.Arbitrary<infer T> ? T : never;

interface Told {
  readonly plan: PartPlan;
  readonly receipt: Receipt;
}

/** One message, lived through. */
class Life {
  readonly id: number;
  readonly #bench: Bench;
  readonly #plans: readonly AttemptPlan[];
  readonly #claims: Claim[] = [];
  readonly #predicted: number;
  /** An attempt that is out. */
  #open: Claim | null = null;
  /** Receipts that nobody has brought yet, or must bring again. */
  #todo: Told[] = [];
  #brought: { readonly told: Told; readonly brought: Brought }[] = [];
  readonly #stored: Told[] = [];

  constructor(bench: Bench, { predicted, before, last }: Story) {
    this.#bench = bench;
    this.#predicted = predicted;
    const end = { ...last, isAccepted: last.isAccepted || last.isAnswered };
    this.#plans = before === null ? [end] : [{ ...before, isAnswered: false }, end];
    this.id = bench.drop({ text: TEXTS[predicted] ?? '' });
    this.#claim();
  }

  /** Does one of the things that can happen now. */
  async next(draw: number): Promise<void> {
    const kinds = this.#possible();
    const kind = kinds[draw % kinds.length];
    await kind?.(Math.floor(draw / kinds.length));
    await this.#collect();
  }

  /** What has not happened yet happens. */
  async finish(): Promise<void> {
    for (;;) {
      if (this.#open !== null) this.#answer();
      await this.#step();
      if (this.#mayLapse) await this.#lapse();
      if (this.#mayClaim) this.#claim();
      else if (this.#open === null && this.#todo.length === 0 && this.#brought.length === 0) return;
      while (this.#todo.length > 0) this.#bring(0);
    }
  }

  /** Time passes until nothing is waited for. */
  async outlive(): Promise<void> {
    this.#bench.advance(UNCERTAIN_AFTER_S);
    await this.#step();
    this.#bench.advance(TIMEOUT_S);
    await this.#step();
  }

  /** The same again, after a restart: nothing of it is new. */
  async repeat(): Promise<void> {
    this.#bench.crash();
    for (const { receipt } of this.#stored) this.#bench.bring(receipt);
    await this.#step();
  }

  /** What must have become of it, by CONTRACT.md §14, and by what was said alone. */
  get expected(): object {
    const all = this.#claims.map((claim, index) => this.#judge(claim, index));
    const accepted = all.filter((one) => one.isAccepted);
    const isDelivered = accepted.some((one) => one.isDelivered);
    const isUndelivered = accepted.every((one) => one.cannotArrive);
    const prices = accepted.flatMap((one) => one.prices);
    return {
      state: isDelivered ? 'delivered' : isUndelivered ? 'undelivered' : 'unconfirmed',
      price: prices.length === 0 ? null : Math.round(prices.reduce((a, b) => a + b) * 100),
      parts: accepted.at(-1)?.parts,
      duplicates: accepted.length - 1,
      unmatched: 0,
      receipts: new Set(this.#stored.map(({ receipt }) => receipt.digest)).size,
    };
  }

  get found(): object {
    const { state, price, parts } = this.#bench.message(this.id);
    const own = this.#bench.receipts(`message_id = ${this.id}`);
    const unmatched = `message_id IS NULL AND gateway_id LIKE '${this.id}-%'`;
    return {
      state,
      price: price === null ? null : Math.round(Number(price) * 100),
      parts,
      duplicates: this.#bench.duplicates(this.id),
      unmatched: this.#bench.receipts(unmatched).length,
      receipts: own.length,
    };
  }

  /** Whether the gateway took any of its attempts. */
  get isAccepted(): boolean {
    return this.#claims.some((claim, index) => this.#judge(claim, index).isAccepted);
  }

  #judge(claim: Claim, index: number) {
    const plan = this.#plans[index];
    const row = this.#bench.other.all(
      'SELECT route FROM attempts WHERE message_id = ? AND number = ?',
      ...[this.id, claim.number],
    );
    const isAnswered = row[0]?.['route'] === 'await-receipt';
    const isAccepted = plan !== undefined && (isAnswered || plan.isAccepted);
    const parts = isAccepted ? plan.parts : [];
    const good = parts.filter(({ words, last }) =>
      [...words, last].some(({ status }) => status === 'delivered'),
    ).length;
    return {
      isAccepted,
      parts: parts.length,
      isDelivered: isAccepted && good >= (isAnswered ? parts.length : this.#predicted),
      cannotArrive: good < parts.length,
      prices: parts.flatMap(({ price, isPriced, words, last }) => {
        const isTold = [...words, last].some((word) => word.isPriced);
        return (isPriced && isAnswered) || isTold ? [price] : [];
      }),
    };
  }

  #possible(): readonly ((draw: number) => unknown)[] {
    const bench = this.#bench;
    const kinds: ((draw: number) => unknown)[] = [
      () => bench.step(),
      () => bench.brokenStep(),
      () => this.#crash(),
      () => this.#crash(() => bench.crashAfterCommit()),
    ];
    if (this.#todo.length > 0) {
      const bring = (draw: number): unknown => this.#bring(draw % this.#todo.length);
      kinds.push(bring, bring, bring, bring);
    }
    if (this.#stored.length > 0) kinds.push((draw) => this.#bringAgain(draw));
    if (this.#open !== null) kinds.push(() => this.#answer());
    /* More often than a receipt, which settles the message: there would hardly be a second attempt. */
    const lapse = (): unknown => this.#lapse();
    if (this.#mayLapse) kinds.push(lapse, lapse, lapse, lapse, lapse, lapse);
    const claim = (): unknown => this.#claim();
    if (this.#mayClaim) kinds.push(claim, claim, claim, claim, claim, claim);
    return kinds;
  }

  get #mayLapse(): boolean {
    const isMore = this.#claims.length < this.#plans.length;
    return isMore && this.#bench.state(this.id) === 'uncertain';
  }

  get #mayClaim(): boolean {
    return this.#claims.length < this.#plans.length && this.#bench.state(this.id) === 'retry';
  }

  async #lapse(): Promise<void> {
    this.#bench.advance(UNCERTAIN_AFTER_S);
    await this.#step();
  }

  #claim(): void {
    const claim = this.#bench.claimAgain(this.id);
    const plan = this.#plans[this.#claims.length];
    this.#claims.push(claim);
    this.#open = claim;
    if (plan?.isAccepted !== true) return;
    for (const [index, part] of plan.parts.entries()) {
      const gatewayId = partId(claim, index + 1);
      this.#todo.push(...this.#receiptsOf(claim, part, gatewayId));
    }
  }

  #receiptsOf(claim: Claim, plan: PartPlan, gatewayId: string): readonly Told[] {
    const words = [...plan.words, plan.last];
    return words.map(({ status, code, hasRef, isPriced }, index) => {
      const isNamed = hasRef || index === plan.named % words.length;
      const receipt = this.#bench.receipt(claim, {
        ...{ gatewayId, status, code, digest: `${gatewayId} ${index}` },
        price: isPriced ? plan.price : null,
        ...(isNamed ? {} : { clientRef: null }),
      });
      return { plan, receipt };
    });
  }

  #answer(): void {
    const claim = this.#open;
    const plan = this.#plans[this.#claims.length - 1];
    this.#open = null;
    if (claim === null || plan === undefined) return;
    if (!plan.isAnswered) this.#bench.lose(claim);
    else {
      const prices = plan.parts.map(({ price, isPriced }) => (isPriced ? price : null));
      this.#bench.answer(
        claim,
        prices.map((price) => ({ price })),
      );
    }
  }

  #bring(index: number): void {
    const [told] = this.#todo.splice(index, 1);
    if (told === undefined) return;
    this.#brought.push({ told, brought: this.#bench.bring(told.receipt) });
  }

  /* The very same again, or one that says the same. */
  #bringAgain(draw: number): void {
    const told = this.#stored[draw % this.#stored.length];
    if (told === undefined) return;
    const digest = draw % 2 === 0 ? told.receipt.digest : `${told.receipt.digest} again`;
    const again = { ...told, receipt: { ...told.receipt, digest } };
    this.#brought.push({ told: again, brought: this.#bench.bring(again.receipt) });
  }

  async #step(): Promise<void> {
    await this.#bench.step();
    await this.#collect();
  }

  /* Whoever was told that it is stored goes home; whoever was sent away comes again. */
  async #collect(): Promise<void> {
    await Promise.resolve();
    for (const { told, brought } of this.#brought) {
      if (brought.isStored === true) this.#stored.push(told);
      if (brought.isStored === false) this.#todo.push(told);
    }
    this.#brought = this.#brought.filter(({ brought }) => brought.isStored === null);
  }

  /* The answer that was out, or not yet on disk, is lost; whoever waited for an answer comes again. */
  #crash(crash: () => void = () => this.#bench.crash()): void {
    crash();
    this.#open = null;
    this.#todo.push(...this.#brought.map(({ told }) => told));
    this.#brought = [];
    const kept = this.#bench.receipts().map((row) => row['digest']);
    for (const { receipt } of this.#stored) expect(kept).toContain(receipt.digest);
  }
}

describe('whatever comes, in whatever order and however often, with crashes and roll-backs between', () => {
  it('whatever comes, in whatever order and however often, with crashes and roll-backs between ends in the one state that was told, priced whole, with duplicates written down once', async () => {
    let bench: Bench | null = null;
    await fc.assert(
      fc.asyncProperty(anyStory, async (story) => {
        bench ??= new Bench();
        const life = new Life(bench, story);
        for (const draw of story.draws) await life.next(draw);
        await life.finish();
        expectLawful(bench, life.id);
        if (!life.isAccepted) {
          expect(['uncertain', 'retry']).toContain(bench.state(life.id));
          await bench.ask('cancel', life.id);
          return;
        }
        await life.outlive();
        const { expected } = life;
        expect(life.found).toEqual(expected);
        expectLawful(bench, life.id);
        await life.repeat();
        expect(life.found).toEqual(expected);
        expect(bench.warnings).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
