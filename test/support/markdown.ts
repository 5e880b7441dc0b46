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

/** The rows, without head, of the table whose first head is `head`: cells as they stand. */
export function tableIn(section: string, head: string): readonly (readonly string[])[] {
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  if (start === -1) throw new Error(`there is no table with the head "${head}"`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return (end === -1 ? rows : rows.slice(0, end)).map((row) =>
    row
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** Every word in backticks, in order. */
export function tickedIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}
