/** Lines and tables by the columns that a text takes. */
import { afterEach, describe, expect, it } from 'vitest';
import { tableOf } from '../../src/terminal/table.ts';
import { displayWidth, outputWidth } from '../../src/terminal/terminal-width.ts';
import { linesIn, wrap } from '../../src/terminal/wrap.ts';

const COLUMNS = process.env['COLUMNS'];
afterEach(() => {
  if (COLUMNS === undefined) delete process.env['COLUMNS'];
  else process.env['COLUMNS'] = COLUMNS;
});

describe('wrap', () => {
  it.each([
    ['one two three', 7, ['one two', '  three']],
    ['/a/path/that/is/longer x', 8, ['/a/path/that/is/longer', '  x']],
    ['two  spaces', 20, ['two  spaces']],
    ['', 10, ['']],
  ])('breaks %j to %i columns at spaces', (text, width, lines) => {
    expect(wrap(text, 2, width).split('\n')).toEqual(lines);
  });

  it('breaks Chinese between characters, by two columns each, and keeps closing marks with them', () => {
    const text = '网关已接受此部分，并将尝试投递。请检查 api_key 和 api_secret。';
    for (let width = 12; width <= 40; width += 1) {
      const lines = linesIn(text, width);
      expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(width);
      expect(lines.filter((line) => /^[，。；：、？！）」》]/.test(line))).toEqual([]);
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }
  });

  it('wrap cuts a word that is longer than a cell into pieces', () => {
    expect(linesIn('ab abcdefghij', 4)).toEqual(['ab', 'abcd', 'efgh', 'ij']);
  });
});

describe('a table', () => {
  const CUT = [{ head: 'ID' }, { head: 'TEXT', fit: 'cut' }] as const;
  const WRAP = [{ head: 'ID' }, { head: 'TEXT', fit: 'wrap' }] as const;
  const long = 'word '.repeat(40).trim();

  it('a table is never cut where nothing says how wide the output is', () => {
    expect(tableOf(CUT, [['1', long]], null)).toContain(long);
    const wrapped = tableOf(WRAP, [['1', long]], null);
    expect(wrapped.replaceAll(/\s+/g, ' ')).toBe(`ID TEXT 1 ${long}`);
  });

  it('a table keeps within a width that is given', () => {
    for (const columns of [CUT, WRAP]) {
      const lines = tableOf(columns, [['1', long]], 60).split('\n');
      expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(60);
    }
  });

  it('a table takes its width from COLUMNS, and from nothing else where there is no terminal', () => {
    delete process.env['COLUMNS'];
    expect(outputWidth()).toBe(process.stdout.isTTY ? process.stdout.columns : null);
    process.env['COLUMNS'] = '132';
    expect(outputWidth()).toBe(132);
    for (const odd of ['0', '-3', 'wide', '1e9x', '']) {
      process.env['COLUMNS'] = odd;
      expect(outputWidth()).toBe(process.stdout.isTTY ? process.stdout.columns : null);
    }
  });

  it('aligns columns that hold Chinese', () => {
    const columns = [
      { head: '状态码', align: 'right' },
      { head: '名称' },
      { head: '含义', fit: 'wrap' },
    ] as const;
    const lines = tableOf(
      columns,
      [
        ['1', '限流', '发送过快。'.repeat(12)],
        ['29', 'demo', '演示'],
      ],
      40,
    ).split('\n');
    const before = (line: string, mark: string): number =>
      displayWidth(line.slice(0, line.indexOf(mark)));
    expect(lines.map((line) => displayWidth(line)).every((width) => width <= 40)).toBe(true);
    expect(before(lines[0] ?? '', '含义')).toBe(before(lines[1] ?? '', '发送'));
    expect(before(lines.at(-1) ?? '', '演示')).toBe(before(lines[1] ?? '', '发送'));
  });
});
