/** Reads the documents as far as tests compare them with the code: sections, tables, words in backticks. */

/** The text under a heading, up to the next one of the same level. Throws when there is none. */
export function sectionOf(document: string, heading: string): string {
  const [level = ''] = /^#+/.exec(heading) ?? [];
  const lines = document.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`there is no heading "${heading}"`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith(`${level} `));
  return (end === -1 ? rest : rest.slice(0, end)).join('\n');
}

export interface Table {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Every table: its heads, and its rows as cells as they stand. */
export function tablesIn(section: string): readonly Table[] {
  const blocks = section.match(/(?:^\|.*\|$\n?)+/gm) ?? [];
  return blocks.map((block) => {
    const [heads = [], , ...rows] = block
      .trim()
      .split('\n')
      .map((row) =>
        row
          .replace(/^\||\|$/g, '')
          .split('|')
          .map((cell) => cell.trim()),
      );
    return { heads, rows };
  });
}

/** The rows of the first table whose first head is `head`. Throws when there is none. */
export function tableIn(section: string, head: string): readonly (readonly string[])[] {
  const table = tablesIn(section).find(({ heads }) => heads[0] === head);
  if (table === undefined) throw new Error(`there is no table with the head "${head}"`);
  return table.rows;
}

/** Every word in backticks, in order. */
export function tickedIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}
