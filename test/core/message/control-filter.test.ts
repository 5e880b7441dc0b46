import { describe, expect, it } from 'vitest';
import { ANY, readFilter, writeFilter } from '../../../src/core/message/control-filter.ts';

describe('the filter of a request', () => {
  it('the filter of a request is read as it was written', () => {
    const filter = {
      ...ANY,
      states: ['retry', 'queued'],
      since: 1_795_425_300,
      sender: 'Acme',
    } as const;
    expect(readFilter(writeFilter(filter) ?? '')).toEqual(filter);
    expect(writeFilter(ANY)).toBeNull();
  });

  it('the filter of a request may name one state as a plain text', () => {
    expect(readFilter('{"state":"expired"}')).toEqual({ ...ANY, states: ['expired'] });
  });

  it.each([
    ['{', 'filter is not a JSON object'],
    ['[]', 'filter is not a JSON object'],
    ['null', 'filter is not a JSON object'],
    ['"queued"', 'filter is not a JSON object'],
    ['{}', 'the filter names nothing'],
    ['{"states":["queued"]}', 'filter has no key "states"; it has state,'],
    ['{"state":[]}', 'state in the filter must be one or several of'],
    ['{"state":"failed"}', 'state in the filter must be one or several of'],
    ['{"state":null}', 'state in the filter must be one or several of'],
    ['{"reason":7}', 'reason in the filter must be text'],
    ['{"account":null}', 'account in the filter must be text'],
    ['{"since":"yesterday"}', 'since in the filter must be Unix seconds'],
    ['{"__proto__":{}}', 'filter has no key "__proto__"'],
  ])('%s is refused by name', (text, why) => {
    expect(readFilter(text)).toContain(why);
  });
});
