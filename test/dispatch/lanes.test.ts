/** B2: however many senders and campaigns applications name, the lanes in memory are bounded and nobody starves. */
import { describe, expect, it } from 'vitest';
import { RECIPIENT, setup } from '../support/daemon.ts';

const ROWS = 600;

describe('B2: many lanes', () => {
  it('B2: rows of more senders than limits.lanes are all sent', async () => {
    const bundle = await setup({ isStopped: true, limits: { lanes: 100 } });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender) VALUES (?, ?, ?)',
    );
    for (let index = 0; index < ROWS; index += 1) drop.run(RECIPIENT, 'x', `S${index}`);
    await bundle.start();
    await bundle.until(() => bundle.count('await-receipt') === ROWS, 'acceptance of every row');
  });

  it('B2: rows inserted while limits.lanes is reached are sent as well', async () => {
    const bundle = await setup({ limits: { lanes: 100 } });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender) VALUES (?, ?, ?)',
    );
    bundle.db.transaction(() => {
      for (let index = 0; index < ROWS; index += 1) drop.run(RECIPIENT, 'x', `S${index}`);
    })();
    await bundle.until(() => bundle.count('await-receipt') === ROWS, 'acceptance of every row');
  });

  it('B2: a thousand campaigns of a paused sender do not hold up another sender', async () => {
    const bundle = await setup({ limits: { lanes: 100 } });
    await bundle.ask({ verb: 'pause', account: 'main', sender: 'Paused' });
    const drop = bundle.db.prepare(
      'INSERT INTO messages (recipient, text, sender, campaign) VALUES (?, ?, ?, ?)',
    );
    bundle.db.transaction(() => {
      for (let index = 0; index < ROWS; index += 1)
        drop.run(RECIPIENT, 'x', 'Paused', `campaign${index}`);
    })();
    const id = bundle.drop({ sender: 'Free' });
    await bundle.untilState(id, 'await-receipt');
    expect(bundle.count('queued')).toBe(ROWS);
  });
});
