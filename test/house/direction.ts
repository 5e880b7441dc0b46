/**
 * Who may import whom in `src/`. The table reads like the picture in ARCHITECTURE.md: from top to bottom, and
 * an import never points upward.
 */
import type { FileImports } from './graph.ts';

export interface Layer {
  readonly name: string;
  /** Files and folders (with a slash at the end) of `src/`; the longest that fits a file is its own. `*.ts` is
   *  any other file of `src/` itself. */
  readonly places: readonly string[];
  /** Layers below that it may import, beside itself. */
  readonly imports: readonly string[];
}

export function layerOf(path: string, layers: readonly Layer[] = LAYERS): Layer | null {
  const inSrc = path.replace(/^src\//, '');
  let best: { readonly layer: Layer; readonly length: number } | null = null;
  for (const layer of layers) {
    for (const place of layer.places) {
      const fits = place.endsWith('/')
        ? inSrc.startsWith(place)
        : inSrc === place || isOther(place, inSrc);
      if (fits && place.length > (best?.length ?? 0)) best = { layer, length: place.length };
    }
  }
  return best?.layer ?? null;
}

function isOther(place: string, inSrc: string): boolean {
  return place === '*.ts' && !inSrc.includes('/');
}

/** Each import that the table does not allow, and each file that it does not know. */
export function againstDirection(
  files: readonly FileImports[],
  layers: readonly Layer[] = LAYERS,
): readonly string[] {
  return files.flatMap(({ path, imports }) => {
    const from = layerOf(path, layers);
    if (from === null) return [`${path}: in no layer`];
    return imports
      .filter(({ isOurs }) => isOurs)
      .filter(({ target }) => {
        const to = layerOf(target, layers)?.name ?? '';
        return to !== from.name && !from.imports.includes(to);
      })
      .map(({ target, line }) => `${path}:${line} imports ${target}`);
  });
}

/** Rows of the table that name a layer above them or none: such a table would allow circles. */
export function upwardRows(layers: readonly Layer[] = LAYERS): readonly string[] {
  return layers.flatMap(({ name, imports }, index) => {
    const below = new Set(layers.slice(index + 1).map((layer) => layer.name));
    return imports.filter((other) => !below.has(other)).map((other) => `${name} → ${other}`);
  });
}

export const LAYERS: readonly Layer[] = [
  { name: 'packaging', places: ['packaging/'], imports: ['entry', 'commands', 'manual', 'leaf'] },
  {
    name: 'entry',
    places: ['main.ts', 'cli.ts'],
    imports: ['commands', 'manual', 'terminal', 'config', 'receipts', 'spool', 'leaf'],
  },
  {
    name: 'commands',
    places: ['commands/'],
    imports: [
      'demo',
      'root',
      'sandbox',
      'checkup',
      'admin',
      'csv',
      'log',
      'top',
      'estimate',
      'manual',
      'terminal',
      'config',
      'systemd',
      'lines',
      'spool',
      'throttle',
      'leaf',
      'core',
    ],
  },
  {
    name: 'demo',
    places: ['demo/'],
    imports: ['root', 'sandbox', 'terminal', 'config', 'lines', 'spool', 'leaf', 'core'],
  },
  {
    name: 'root',
    places: ['*.ts'],
    imports: [
      'admin',
      'dispatch',
      'notify',
      'receipts',
      'gateway',
      'config',
      'systemd',
      'lines',
      'spool',
      'throttle',
      'leaf',
      'core',
    ],
  },
  { name: 'sandbox', places: ['gateway/sandbox/'], imports: ['leaf', 'core'] },
  {
    name: 'checkup',
    places: ['checkup/'],
    imports: ['gateway', 'config', 'spool', 'leaf', 'core'],
  },
  { name: 'estimate', places: ['estimate/'], imports: ['dispatch', 'core'] },
  {
    name: 'dispatch',
    places: ['dispatch/'],
    imports: ['gateway', 'lines', 'spool', 'throttle', 'leaf', 'core'],
  },
  { name: 'csv', places: ['csv/'], imports: ['terminal', 'spool', 'leaf', 'core'] },
  { name: 'log', places: ['log/'], imports: ['terminal', 'lines', 'spool', 'leaf', 'core'] },
  { name: 'top', places: ['top/'], imports: ['terminal', 'spool', 'leaf', 'core'] },
  { name: 'manual', places: ['manual/'], imports: ['terminal', 'config', 'leaf'] },
  { name: 'terminal', places: ['terminal/'], imports: ['config', 'leaf', 'core'] },
  { name: 'admin', places: ['admin/'], imports: ['lines', 'leaf', 'core'] },
  { name: 'notify', places: ['notify/'], imports: ['spool', 'leaf', 'core'] },
  { name: 'receipts', places: ['receipts/'], imports: ['leaf', 'core'] },
  { name: 'gateway', places: ['gateway/'], imports: ['leaf', 'core'] },
  { name: 'config', places: ['config/'], imports: ['leaf', 'core'] },
  { name: 'systemd', places: ['systemd/'], imports: ['core'] },
  {
    name: 'lines',
    places: ['events.ts', 'late-events.ts', 'status-log.ts'],
    imports: ['spool', 'leaf', 'core'],
  },
  { name: 'spool', places: ['spool/'], imports: ['core'] },
  { name: 'throttle', places: ['throttle/'], imports: [] },
  {
    name: 'leaf',
    places: [
      'causes.ts',
      'clock.ts',
      'exit-codes.ts',
      'idle-connections.ts',
      'journal.ts',
      'log-sink.ts',
      'nearest.ts',
      'signature.ts',
      'version.ts',
    ],
    imports: ['core'],
  },
  { name: 'core', places: ['core/'], imports: [] },
];
