import { describe, expect, it } from 'vitest';
import { parseInstant, timeSpan } from '../../src/terminal/times.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 9, 0);
const at = (...parts: [number, number, number, number, number]): number =>
  new Date(...parts).getTime() / 1000;

describe('parseInstant', () => {
  it.each([
    ['1795425300', 1795425300],
    ['1795425300.5', 1795425300.5],
    ['2026-11-23T09:15Z', Date.UTC(2026, 10, 23, 9, 15) / 1000],
    ['2026-11-23T09:15:30.250+01:00', Date.UTC(2026, 10, 23, 8, 15, 30, 250) / 1000],
    ['2026-11-23 09:15', at(2026, 10, 23, 9, 15)],
    ['2026-11-23', at(2026, 10, 23, 0, 0)],
    ['+10m', NOW_MS / 1000 + 600],
    ['+2d', NOW_MS / 1000 + 172_800],
  ])('parseInstant reads %s', (text, seconds) => {
    expect(parseInstant(text, NOW_MS)).toBe(seconds);
  });

  it.each([
    '',
    'tomorrow',
    '2026-02-31',
    '2026-13-01T00:00',
    '+10',
    '+',
    '10m',
    '23.11.2026',
    '-5',
  ])('parseInstant takes "%s" for no instant', (text) => {
    expect(parseInstant(text, NOW_MS)).toBeNull();
  });
});

describe('timeSpan', () => {
  it.each([
    [0.084, '84 ms'],
    [2.54, '2.5 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3_600, '1 h'],
    [3_605, '1 h'],
    [187_200, '2 d 4 h'],
    [-3, '-3 s'],
  ])('timeSpan writes %d s as %s', (seconds, words) => {
    expect(timeSpan(seconds)).toBe(words);
  });
});
