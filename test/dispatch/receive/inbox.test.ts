/**
 * How receipts come in: nobody hears "stored" before it is on disk, nobody waits for long, and what does not
 * fit a message, whoever sent it, changes nothing.
 */
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/core/message/claim.ts';
import type { Receipt } from '../../../src/core/receipt/receipt.ts';
import {
  BURST,
  PER_SECOND,
  UNMATCHED_MAX,
} from '../../../src/dispatch/receive/unmatched-receipts.ts';
import {
  ACCEPTED,
  Bench,
  DELIVERED,
  failed,
  KEY,
  partId,
  receiptOf,
  RECIPIENT,
  unanswered,
  UNCERTAIN_AFTER_S,
} from '../setup.ts';

const PATIENCE_S = 8;
const WEEK_S = 7 * 86_400;
const STEP_TAKES = 128;

/** A message whose answer is on disk; its first part is `partId(claim, 1)`. */
async function accepted(bench: Bench, account?: string): Promise<Claim> {
  const claim = bench.claimNew(account === undefined ? {} : { account });
  bench.answer(claim);
  await bench.step();
  return claim;
}

/** It names nothing that the daemon knows, but has the form of a client-ref of its own. */
const FORM_OF_OURS = `1.1.${'0'.repeat(20)}`;
const stranger = (over: Partial<Receipt> = {}): Receipt =>
  receiptOf({ apiKey: null, clientRef: FORM_OF_OURS, gatewayId: 'nobody-knows', ...over });

describe('whoever brings a receipt', () => {
  it('hears of it once it is on disk, and not before', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const kicks = bench.kicks;
    const brought = bench.bring(bench.receipt(claim));
    expect(bench.inbox.size).toBe(1);
    while (bench.kicks === kicks) await new Promise((resolve) => setImmediate(resolve));
    expect(brought.isStored).toBeNull();
    expect(bench.receipts()).toEqual([]);
    await bench.step();
    expect(brought.isStored).toBe(true);
    expect(bench.receipts()).toHaveLength(1);
    expect(bench.inbox.size).toBe(0);
  });

  it('hears nothing of a step that is rolled back, and is stored by the next, once', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const brought = [bench.receipt(claim), stranger()].map((one) => bench.bring(one));
    for (let count = 0; count < 3; count += 1) {
      await bench.brokenStep();
      expect(brought.map(({ isStored }) => isStored)).toEqual([null, null]);
      expect(bench.receipts()).toEqual([]);
    }
    await bench.step();
    expect(brought.map(({ isStored }) => isStored)).toEqual([true, true]);
    expect(bench.receipts()).toHaveLength(2);
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it.each([
    [
      'the spool stays locked',
      async (bench: Bench) => {
        bench.other.db.exec('BEGIN IMMEDIATE');
        expect(await bench.step()).toBe('busy');
      },
    ],
    ['every step fails', (bench: Bench) => bench.brokenStep()],
  ])('whoever brings a receipt is sent away after its patience when %s', async (_what, fail) => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const first = bench.bring(bench.receipt(claim));
    bench.advance(1);
    const second = bench.bring(bench.receipt(claim, ACCEPTED));
    bench.advance(PATIENCE_S - 1);
    await fail(bench);
    expect([first.isStored, second.isStored]).toEqual([null, null]);
    bench.advance(0.001);
    if (bench.other.db.inTransaction) expect(await bench.step()).toBe('busy');
    else await fail(bench);
    expect([first.isStored, second.isStored]).toEqual([false, null]);
    if (bench.other.db.inTransaction) bench.other.db.exec('COMMIT');
    await bench.step();
    expect(second.isStored).toBe(true);
    expect(bench.receipts()).toMatchObject([{ status: 'accepted' }]);
  });

  it('whoever brings a receipt is served in order, some at a time; a step is asked for while others wait', async () => {
    const bench = new Bench();
    const count = STEP_TAKES + 10;
    const brought = Array.from({ length: count }, (_, index) =>
      bench.bring(stranger({ digest: `${index}` })),
    );
    const before = bench.kicks;
    while (bench.kicks === before) await new Promise((resolve) => setImmediate(resolve));
    const kicks = bench.kicks;
    await bench.step();
    expect(brought.filter(({ isStored }) => isStored === true)).toHaveLength(STEP_TAKES);
    expect(bench.kicks).toBe(kicks + 1);
    await bench.step();
    expect(brought.every(({ isStored }) => isStored === true)).toBe(true);
    expect(bench.kicks).toBe(kicks + 1);
    const digests = bench.receipts().map((row) => row['digest']);
    expect(digests).toEqual(brought.map(({ receipt }) => receipt.digest));
  });

  it('whoever brings a receipt is told that the very same is stored already, before and after a restart', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    for (const isRestarted of [false, true]) {
      if (isRestarted) bench.crash();
      const twice = [bench.receipt(claim), bench.receipt(claim)].map((one) => bench.bring(one));
      await bench.step();
      expect(twice.map(({ isStored }) => isStored)).toEqual([true, true]);
    }
    expect(bench.receipts()).toHaveLength(1);
    expect(bench.ignored).toEqual(['repeat', 'repeat', 'repeat']);
  });
});

describe('a receipt is kept', () => {
  it('a receipt is kept as it came, with the attempt it is about', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const raw = '{"status":"FAILED","anything":"else"}';
    const over = { ...failed(8), price: 0.033, network: '23410', raw, receivedAt: bench.now + 3 };
    await bench.hear(claim, over);
    expect(bench.receipts()).toMatchObject([
      {
        received_at: bench.now + 3,
        gateway_id: partId(claim, 1),
        client_ref: claim.clientRef,
        recipient: RECIPIENT,
        ...{ status: 'failed', code: 8, price: 0.033, network: '23410', raw },
        ...{ message_id: claim.id, attempt: 1 },
      },
    ]);
  });

  it('whatever words it holds, and brings nothing down', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const words = ['constructor', '__proto__', "x'; DROP TABLE messages; --", '', 'é'];
    await bench.hear(claim, ...words.map((status) => ({ status })), { status: null });
    expect(bench.receipts()).toHaveLength(words.length + 1);
    expect(bench.state(claim.id)).toBe('await-receipt');
  });
});

describe('a receipt is matched', () => {
  it('a receipt is matched by the client-ref of its attempt, whatever part it names', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, { gatewayId: null }, { gatewayId: 'any' });
    expect(bench.receipts()).toMatchObject([
      { message_id: claim.id, attempt: 1 },
      { message_id: claim.id, attempt: 1 },
    ]);
  });

  it('a receipt is matched by the id of its part, where it has no client-ref, or one that is not ours', async () => {
    const bench = new Bench();
    const claims = [await accepted(bench), await accepted(bench), await accepted(bench)];
    const refs = [null, 'order-41', `${'x'.repeat(5_000)}.1.0`];
    for (const [index, claim] of claims.entries()) {
      await bench.hear(claim, { clientRef: refs[index] ?? null });
      expect(bench.state(claim.id)).toBe('delivered');
    }
  });

  it('a receipt is matched by the id of a part of any attempt', async () => {
    const bench = new Bench();
    const first = bench.claimNew();
    bench.answer(first, [5]);
    await bench.step();
    bench.advance(3_600);
    await bench.step();
    const second = bench.claimAgain(first.id);
    bench.answer(second);
    await bench.step();
    await bench.hear(second, { clientRef: null });
    expect(bench.receipts()).toMatchObject([{ message_id: first.id, attempt: 2 }]);
  });
});

describe('what does not fit changes nothing', () => {
  const wrongPermissions: readonly (readonly [string, string, Partial<Receipt>])[] = [
    ['another account', 'other-account', { apiKey: 'somebody' }],
    [
      'another recipient, by the part',
      'other-recipient',
      { recipient: '447700900999', clientRef: null },
    ],
    ['no recipient, by the part', 'other-recipient', { recipient: null, clientRef: null }],
    ['a part that nobody knows', 'unmatched', { gatewayId: 'unknown', clientRef: null }],
    ['nothing to be known by', 'unmatched', { gatewayId: null, clientRef: null }],
  ];

  it.each<[string, Partial<Receipt>]>([
    ['another account, by the part', { apiKey: 'somebody', clientRef: null }],
    ['no account, by the part', { apiKey: null, clientRef: null }],
    ['a client-ref of another form and no account', { apiKey: null, clientRef: 'order-41' }],
  ])('%s: it is counted, not stored, and does not come again', async (_what, over) => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const brought = bench.bring(bench.receipt(claim, over));
    await bench.step();
    expect(brought.isStored).toBe(true);
    expect(bench.receipts()).toEqual([]);
    expect(bench.ignored).toEqual(['not-ours']);
    expect(bench.state(claim.id)).toBe('await-receipt');
  });

  it.each(wrongPermissions)('%s', async (_what, reason, over) => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const before = bench.message(claim.id);
    const brought = bench.bring(bench.receipt(claim, over));
    await bench.step();
    expect(brought.isStored).toBe(true);
    expect(bench.message(claim.id)).toEqual(before);
    expect(bench.receipts()).toMatchObject([{ message_id: null }]);
    expect(bench.ignored).toEqual([reason]);
  });

  it.each(wrongPermissions)(
    '%s, also where it came before the answer, and over a restart',
    async (...row) => {
      const bench = new Bench();
      const [first, second] = [bench.claimNew(), bench.claimNew()];
      for (const claim of [first, second]) bench.bring(bench.receipt(claim, row[2]));
      await bench.step();
      bench.answer(first);
      await bench.step();
      expect(bench.state(first.id)).toBe('await-receipt');
      expect(bench.receipts('message_id IS NOT NULL')).toEqual([]);
      bench.crash();
      /* Another message is answered with the very part that the receipt named. */
      const third = bench.claimNew();
      bench.answer(third, [{ gatewayId: partId(second, 1) }]);
      await bench.step();
      expect(bench.state(third.id)).toBe('await-receipt');
      expect(bench.receipts('message_id IS NOT NULL')).toEqual([]);
    },
  );

  it('a client-ref with a wrong tag, of another spool or attempt, or altered anywhere', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    const [id = '', number = '', tag = ''] = claim.clientRef.split('.');
    const wrong = [
      `${id}.${number}.${'0'.repeat(20)}`,
      `${id}.2.${tag}`,
      `${Number(id) + 1}.${number}.${tag}`,
      `0${id}.${number}.${tag}`,
      `${id}.${number}.${tag.toUpperCase()} `,
      `${id}.${number}.${tag}0`,
      `${id}.${number}.`,
      claim.clientRef.slice(0, -1),
      `${claim.clientRef}\u0000`,
    ];
    for (const clientRef of wrong) bench.bring(bench.receipt(claim, { clientRef }));
    await bench.step();
    expect(bench.receipts('message_id IS NOT NULL')).toEqual([]);
    bench.lose(claim);
    await bench.step();
    expect(bench.state(claim.id)).toBe('uncertain');
  });

  it('the tag of an attempt that there never was', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    bench.lose(claim);
    await bench.step();
    const clientRef = bench.spool.claims.clientRef(claim.id, 7);
    await bench.hear(claim, { clientRef });
    expect(bench.state(claim.id)).toBe('uncertain');
    expect(bench.ignored).toEqual(['unmatched']);
  });
});

describe('a receipt with a valid tag', () => {
  it.each([
    ['00447700900106', '447700900106'],
    ['5215512345678', '525512345678'],
    ['447700900106', '+447700900106'],
    ['447700900106', '447700900999'],
  ])(
    'a receipt with a valid tag counts for %s, though it writes the number as %s',
    async (recipient, named) => {
      const bench = new Bench();
      const claim = bench.claimNew({ recipient: recipient.replace(/^00/, '+') });
      bench.lose(claim);
      await bench.step();
      await bench.hear(claim, { recipient: named });
      expect(bench.state(claim.id)).toBe('delivered');
      expect(bench.receipts()).toMatchObject([{ message_id: claim.id, recipient: named }]);
      expect(bench.ignored).toEqual([]);
    },
  );

  it('a receipt with a valid tag by the reports counts as well', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    bench.inbox.hand([bench.receipt(claim, { recipient: '525512345678' })]);
    await bench.step();
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('a receipt with a valid tag is told from one that only has the id of its part: that must name the number in some form', async () => {
    const bench = new Bench();
    const claims = [await accepted(bench), await accepted(bench)];
    const [first, second] = claims as [Claim, Claim];
    await bench.hear(first, { clientRef: null, recipient: `00${RECIPIENT}` });
    await bench.hear(second, { clientRef: null, recipient: '447700900999' });
    expect(claims.map(({ id }) => bench.state(id))).toEqual(['delivered', 'await-receipt']);
  });
});

describe('of an attempt', () => {
  const variants = (bench: Bench, claim: Claim, count: number): Receipt[] =>
    Array.from({ length: count }, (_, at) =>
      bench.receipt(claim, { status: 'buffered', price: at, digest: `variant-${at}` }),
    );

  it('at most 16 receipts of an attempt are kept, and the rest is counted', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const brought = variants(bench, claim, 40).map((one) => bench.bring(one));
    await bench.step();
    expect(brought.every(({ isStored }) => isStored === true)).toBe(true);
    expect(bench.receipts()).toHaveLength(16);
    expect(bench.ignored).toEqual(Array.from({ length: 24 }, () => 'too-many'));
  });

  it('an attempt with many parts: each part has its receipts', async () => {
    const bench = new Bench();
    const claim = bench.claimNew({ text: 'x'.repeat(153 * 20) });
    bench.answer(
      claim,
      Array.from({ length: 20 }, () => 0),
    );
    await bench.step();
    const heard = ['buffered', 'accepted', 'delivered'].flatMap((status) =>
      Array.from({ length: 20 }, (_, at) => ({ status, gatewayId: partId(claim, at + 1) })),
    );
    await bench.hear(claim, ...heard);
    expect(bench.receipts()).toHaveLength(60);
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('an attempt with many parts and no answer: each part has its receipts', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench, { text: 'x'.repeat(153 * 20) });
    const heard = Array.from({ length: 20 }, (_, at) => ({ gatewayId: partId(claim, at + 1) }));
    await bench.hear(claim, ...heard);
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('unmatched receipts that are joined to an attempt are bounded as well', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    for (const one of variants(bench, claim, 40)) bench.bring({ ...one, clientRef: null });
    await bench.step();
    bench.answer(claim);
    await bench.step();
    expect(bench.receipts('message_id IS NOT NULL').length).toBeLessThanOrEqual(16);
  });

  it('a word that was heard before does not undo unsuppress, whatever else varies', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, failed(9));
    expect(bench.spool.suppressions.has(RECIPIENT)).toBe(true);
    bench.commit(() => bench.spool.suppressions.remove(RECIPIENT));
    await bench.hear(claim, { ...failed(9), price: 0.5, digest: 'a variant' });
    await bench.hear(claim, failed(9));
    expect(bench.spool.suppressions.has(RECIPIENT)).toBe(false);
  });
});

describe('several accounts', () => {
  const apiKeys = new Map([
    ['main', KEY],
    ['other', 'other-key'],
  ]);

  it('share the listener, each by its key', async () => {
    const bench = new Bench({ apiKeys });
    const claim = await accepted(bench, 'other');
    await bench.hear(claim, { apiKey: KEY }, { apiKey: KEY, clientRef: null });
    expect(bench.ignored).toEqual(['other-account', 'other-account']);
    expect(bench.state(claim.id)).toBe('await-receipt');
    await bench.hear(claim, { apiKey: 'other-key', clientRef: null });
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('several accounts and messages that name none are of the default one', async () => {
    const bench = new Bench({ apiKeys });
    const claim = await accepted(bench);
    await bench.hear(claim, { apiKey: 'other-key' });
    expect(bench.state(claim.id)).toBe('await-receipt');
    await bench.hear(claim, { apiKey: KEY });
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('several accounts and one that names no account is believed by its client-ref', async () => {
    const bench = new Bench({ apiKeys });
    const claim = await accepted(bench, 'other');
    await bench.hear(claim, { apiKey: null, recipient: null });
    expect(bench.state(claim.id)).toBe('delivered');
  });
});

describe('signed receipts', () => {
  it('need not name an account nor a recipient to be matched by their part', async () => {
    const bench = new Bench({ isSigned: true });
    const claim = await accepted(bench);
    await bench.hear(claim, { apiKey: null, recipient: null, clientRef: null });
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('signed receipts are joined by their part as well when they came before its answer', async () => {
    const bench = new Bench({ isSigned: true });
    const claim = bench.claimNew();
    await bench.hear(claim, { apiKey: null, recipient: null, clientRef: null });
    bench.crash();
    const again = bench.claimNew();
    bench.answer(again, [{ gatewayId: partId(claim, 1) }]);
    await bench.step();
    expect(bench.state(again.id)).toBe('delivered');
  });

  it('signed receipts still do not fit another recipient or account', async () => {
    const bench = new Bench({ isSigned: true });
    const claim = await accepted(bench);
    await bench.hear(claim, { recipient: '447700900999', clientRef: null });
    await bench.hear(claim, { apiKey: 'somebody' }, { apiKey: 'somebody', clientRef: null });
    expect(bench.state(claim.id)).toBe('await-receipt');
  });
});

/** Fills the table with so many unmatched receipts of now, but for some that are older. */
function fillUnmatched(bench: Bench, count: number, old = 0): void {
  bench.other.db
    .prepare(
      `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO receipts (received_at, gateway_id, raw, digest)
        SELECT CASE WHEN i > ? THEN ? ELSE ? END, 'g' || i, '{}', 'd' || i FROM n`,
    )
    .run(count, old, bench.now, bench.now - WEEK_S - 1);
}

const countUnmatched = (bench: Bench): unknown =>
  bench.other.all('SELECT count(*) AS n FROM receipts WHERE message_id IS NULL')[0]?.['n'];

describe('a receipt that nobody knows', () => {
  it('a receipt that nobody knows is kept once, however often it comes', async () => {
    const bench = new Bench();
    for (let count = 0; count < 3; count += 1) {
      const brought = [bench.bring(stranger()), bench.bring(stranger())];
      await bench.step();
      expect(brought.map(({ isStored }) => isStored)).toEqual([true, true]);
      if (count === 1) bench.crash();
    }
    expect(bench.receipts()).toMatchObject([{ message_id: null, gateway_id: 'nobody-knows' }]);
  });

  it('a receipt that nobody knows takes the place of the oldest when too many are kept, or too many bytes', async () => {
    const bench = new Bench();
    fillUnmatched(bench, UNMATCHED_MAX.rows, 10);
    bench.crash();
    bench.bring(stranger({ digest: 'one more' }));
    await bench.step();
    expect(countUnmatched(bench)).toBeLessThan(UNMATCHED_MAX.rows);
    const oldest = bench.other.all(`SELECT 1 FROM receipts WHERE digest IN ('d1', 'd10')`);
    expect(oldest).toEqual([]);
    expect(bench.receipts(`digest = 'one more'`)).toHaveLength(1);
    bench.other.db.exec('DELETE FROM receipts');
    fillUnmatched(bench, 1_000);
    const bytes = Math.ceil(UNMATCHED_MAX.bytes / 1_000);
    bench.other.db.exec(`UPDATE receipts SET raw = hex(zeroblob(${bytes >> 1}))`);
    bench.crash();
    bench.bring(stranger({ digest: 'one byte more' }));
    await bench.step();
    expect(countUnmatched(bench)).toBeLessThan(1_000);
    expect(bench.receipts(`digest = 'one byte more'`)).toHaveLength(1);
  });

  it('a receipt that nobody knows is sent away when too many come at once, and taken when it comes again', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    const brought = Array.from({ length: BURST + 100 }, (_, at) =>
      bench.bring(stranger({ digest: `flood-${at}` })),
    );
    const ours = bench.bring(bench.receipt(claim));
    while (bench.inbox.size > 0) await bench.step();
    expect(brought.filter(({ isStored }) => isStored === false)).toHaveLength(100);
    expect(ours.isStored).toBe(true);
    expect(bench.state(claim.id)).toBe('delivered');
    bench.advance(1);
    const again = Array.from({ length: 100 }, (_, at) =>
      bench.bring(stranger({ digest: `flood-${BURST + at}` })),
    );
    await bench.step();
    expect(again.filter(({ isStored }) => isStored === true)).toHaveLength(PER_SECOND);
  });

  it('a receipt that nobody knows gives its place back when its time is over', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, { clientRef: null });
    bench.advance(WEEK_S + 1);
    const next = bench.bring(stranger());
    await bench.step();
    expect(next.isStored).toBe(true);
    expect(countUnmatched(bench)).toBe(1);
  });

  it('a receipt that nobody knows is pruned after a week, some in a step, until none is left', async () => {
    const bench = new Bench();
    fillUnmatched(bench, 2_500, 2_400);
    bench.crash();
    const left: unknown[] = [];
    for (let count = 0; count < 4; count += 1) {
      await bench.step();
      left.push(countUnmatched(bench));
    }
    expect(left).toEqual([1_500, 500, 100, 100]);
    bench.advance(WEEK_S + 1);
    await bench.step();
    expect(countUnmatched(bench)).toBe(0);
  });

  it('a receipt that nobody knows is looked through for pruning once an hour', async () => {
    const bench = new Bench();
    await bench.step();
    fillUnmatched(bench, 10, 10);
    bench.advance(3_599);
    await bench.step();
    expect(countUnmatched(bench)).toBe(10);
    bench.advance(1);
    await bench.step();
    expect(countUnmatched(bench)).toBe(0);
  });

  it('a receipt that nobody knows that was never stored is not joined, nor whatever got its number since', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    bench.bring(bench.receipt(claim, { clientRef: null }));
    await bench.brokenStep();
    bench.advance(PATIENCE_S + 1);
    bench.bring(stranger({ apiKey: KEY }));
    await bench.step();
    bench.answer(claim);
    await bench.step();
    expect(bench.state(claim.id)).toBe('await-receipt');
    expect(bench.receipts()).toMatchObject([{ message_id: null, gateway_id: 'nobody-knows' }]);
  });

  it('a receipt that nobody knows that was pruned is not joined any more', async () => {
    const bench = new Bench();
    const claim = bench.claimNew();
    await bench.hear(claim, { clientRef: null });
    bench.advance(WEEK_S + 1);
    await bench.step();
    expect(bench.receipts()).toEqual([]);
    bench.answer(claim);
    await bench.step();
    expect(bench.state(claim.id)).toBe('await-receipt');
  });
});

describe('the index on the ids of parts', () => {
  const NAME = 'parts_gateway_id';
  const indexes = (bench: Bench): readonly unknown[] =>
    bench.other.all(`SELECT name FROM sqlite_master WHERE name = '${NAME}'`);

  it('the index on the ids of parts is not made by receipts with a client-ref, nor by strangers', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    await bench.hear(claim, ACCEPTED, DELIVERED);
    for (const apiKey of [null, 'somebody']) bench.bring(stranger({ apiKey }));
    bench.bring(stranger({ apiKey: KEY, gatewayId: null }));
    await bench.step();
    expect(indexes(bench)).toEqual([]);
  });

  it('the index on the ids of parts is made by the first receipt of ours without one, and is there after a restart', async () => {
    const bench = new Bench();
    bench.bring(stranger({ apiKey: KEY }));
    await bench.step();
    expect(indexes(bench)).toHaveLength(1);
    bench.crash();
    const claim = await accepted(bench);
    await bench.hear(claim, { clientRef: null });
    expect(bench.state(claim.id)).toBe('delivered');
  });

  it('the index on the ids of parts is made by the next step when the one that made it was rolled back', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    bench.bring(bench.receipt(claim, { clientRef: null }));
    await bench.brokenStep();
    expect(indexes(bench)).toEqual([]);
    await bench.step();
    expect(indexes(bench)).toHaveLength(1);
    expect(bench.state(claim.id)).toBe('delivered');
  });
});

describe('what the reports said', () => {
  it('what the reports said is taken by the id of the attempt or of the part, with nothing else to prove it', async () => {
    const bench = new Bench();
    const [lost, open] = [await unanswered(bench), await accepted(bench)];
    const bare = { apiKey: null, recipient: null };
    const byPart = bench.receipt(open, { ...bare, clientRef: null });
    bench.inbox.hand([bench.receipt(lost, { ...bare, ...ACCEPTED }), byPart]);
    await bench.step();
    expect([bench.state(lost.id), bench.state(open.id)]).toEqual(['await-receipt', 'delivered']);
  });

  it('what the reports said of messages that are none of ours is left out, and makes nobody wait', async () => {
    const bench = new Bench();
    const claim = await accepted(bench);
    bench.inbox.hand([
      stranger(),
      stranger({ clientRef: 'order-41', gatewayId: partId(claim, 1), recipient: RECIPIENT }),
      bench.receipt(claim, { recipient: '447700900999', clientRef: null }),
    ]);
    await bench.step();
    expect(bench.receipts()).toEqual([]);
    expect(bench.inbox.size).toBe(0);
    expect(bench.state(claim.id)).toBe('await-receipt');
  });

  it('what the reports said is waited for: nothing is decided for want of it while some of it is not on disk', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    const others = Array.from({ length: 2 * STEP_TAKES }, (_, index) =>
      stranger({ digest: `${index}` }),
    );
    bench.advance(UNCERTAIN_AFTER_S);
    bench.inbox.hand([...others, bench.receipt(claim, ACCEPTED)]);
    await bench.step();
    expect(bench.state(claim.id)).toBe('uncertain');
    await bench.step();
    await bench.step();
    expect(bench.state(claim.id)).toBe('await-receipt');
  });

  it('what the reports said is not given up, since nobody would bring it again', async () => {
    const bench = new Bench();
    const claim = await unanswered(bench);
    bench.inbox.hand([bench.receipt(claim, ACCEPTED)]);
    bench.other.db.exec('BEGIN IMMEDIATE');
    bench.advance(PATIENCE_S * 2);
    expect(await bench.step()).toBe('busy');
    bench.other.db.exec('COMMIT');
    await bench.brokenStep();
    await bench.step();
    expect(bench.state(claim.id)).toBe('await-receipt');
    expect(bench.inbox.size).toBe(0);
  });
});
