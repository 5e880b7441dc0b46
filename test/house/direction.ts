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
  /** Layers below that it may import, beside itself; `core/` is all that begin so. */
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
        return to !== from.name && !from.imports.some((allowed) => isNamedBy(to, allowed));
      })
      .map(({ target, line }) => `${path}:${line} imports ${target}`);
  });
}

/** A name with a slash at the end stands for all layers that begin with it. */
function isNamedBy(name: string, allowed: string): boolean {
  return allowed.endsWith('/') ? name.startsWith(allowed) : name === allowed;
}

/** Rows of the table that name a layer above them or none: such a table would allow circles. */
export function upwardRows(layers: readonly Layer[] = LAYERS): readonly string[] {
  return layers.flatMap(({ name, imports }, index) => {
    const named = (from: readonly Layer[], other: string): boolean =>
      from.some((layer) => isNamedBy(layer.name, other));
    return imports
      .filter((other) => named(layers.slice(0, index + 1), other) || !named(layers, other))
      .map((other) => `${name} → ${other}`);
  });
}

export const LAYERS: readonly Layer[] = [
  {
    name: 'packaging',
    places: ['packaging/'],
    imports: ['main', 'cli', 'clock'],
  },
  {
    name: 'main',
    places: ['main.ts', 'cli/program.ts'],
    imports: ['cli', 'http', 'terminal', 'config', 'spool/file', 'spool/sql', 'clock'],
  },
  {
    name: 'cli',
    places: ['cli/'],
    imports: [
      'demo',
      'sandbox',
      'daemon',
      'estimate',
      'admin',
      'log',
      'terminal',
      'config',
      'gateway',
      'http',
      'limiter',
      'systemd',
      'spool',
      'spool/',
      'clock',
      'core/',
    ],
  },
  {
    name: 'demo',
    places: ['demo/'],
    imports: ['sandbox', 'daemon', 'log', 'terminal', 'config', 'spool/', 'clock', 'core/message'],
  },
  {
    name: 'sandbox',
    places: ['sandbox/'],
    imports: ['gateway', 'core/message', 'core/text'],
  },
  {
    name: 'daemon',
    places: ['daemon/'],
    imports: [
      'dispatch/',
      'admin',
      'notify',
      'receipts',
      'log',
      'terminal',
      'config',
      'gateway',
      'http',
      'limiter',
      'systemd',
      'spool',
      'spool/',
      'clock',
      'core/',
    ],
  },
  {
    name: 'estimate',
    places: ['estimate/'],
    imports: ['dispatch/schedule', 'core/message', 'core/window'],
  },
  {
    name: 'dispatch/loop',
    places: ['dispatch/loop/'],
    imports: [
      'dispatch/maintenance',
      'dispatch/receive',
      'dispatch/send',
      'dispatch/feedback',
      'dispatch/schedule',
      'dispatch/limit',
      'dispatch/stats',
      'dispatch',
      'log',
      'spool',
      'spool/',
      'clock',
      'core/',
    ],
  },
  {
    name: 'dispatch/maintenance',
    places: ['dispatch/maintenance/'],
    imports: [
      'dispatch/receive',
      'dispatch/schedule',
      'dispatch',
      'log',
      'spool',
      'spool/write',
      'core/',
    ],
  },
  {
    name: 'dispatch/receive',
    places: ['dispatch/receive/'],
    imports: ['dispatch', 'log', 'gateway', 'spool', 'spool/write', 'clock', 'core/'],
  },
  {
    name: 'dispatch/send',
    places: ['dispatch/send/'],
    imports: [
      'dispatch/feedback',
      'dispatch/schedule',
      'dispatch',
      'log',
      'gateway',
      'spool/write',
      'clock',
      'core/',
    ],
  },
  {
    name: 'dispatch/feedback',
    places: ['dispatch/feedback/'],
    imports: [
      'dispatch/schedule',
      'dispatch/limit',
      'dispatch',
      'log',
      'gateway',
      'limiter',
      'spool',
      'spool/write',
      'clock',
      'core/',
    ],
  },
  {
    name: 'dispatch/schedule',
    places: ['dispatch/schedule/'],
    imports: [
      'dispatch/limit',
      'dispatch',
      'log',
      'gateway',
      'limiter',
      'spool',
      'spool/write',
      'core/',
    ],
  },
  {
    name: 'dispatch/limit',
    places: ['dispatch/limit/'],
    imports: ['dispatch', 'limiter', 'spool', 'spool/write', 'clock', 'core/'],
  },
  {
    name: 'dispatch/stats',
    places: ['dispatch/stats/'],
    imports: ['dispatch', 'log', 'spool', 'spool/write', 'spool/file', 'clock', 'core/'],
  },
  {
    name: 'dispatch',
    places: ['dispatch/'],
    imports: ['log', 'spool', 'spool/write', 'core/'],
  },
  {
    name: 'admin',
    places: ['admin/'],
    imports: ['log', 'http', 'core/'],
  },
  {
    name: 'notify',
    places: ['notify/'],
    imports: ['gateway', 'spool/write', 'clock', 'core/answer', 'core/message'],
  },
  {
    name: 'receipts',
    places: ['receipts/'],
    imports: ['gateway', 'http', 'core/receipt', 'core/text'],
  },
  {
    name: 'log',
    places: ['log/'],
    imports: ['spool/write', 'core/'],
  },
  {
    name: 'terminal',
    places: ['terminal/'],
    imports: ['config', 'core/text'],
  },
  {
    name: 'config',
    places: ['config/'],
    imports: ['gateway', 'core/'],
  },
  {
    name: 'gateway',
    places: ['gateway/'],
    imports: ['core/'],
  },
  {
    name: 'http',
    places: ['http/'],
    imports: ['core/text'],
  },
  {
    name: 'limiter',
    places: ['limiter/'],
    imports: [],
  },
  {
    name: 'systemd',
    places: ['systemd/'],
    imports: ['core/text'],
  },
  {
    name: 'spool',
    places: ['spool/'],
    imports: ['spool/', 'core/account'],
  },
  {
    name: 'spool/read',
    places: ['spool/read/'],
    imports: ['spool/write', 'spool/file', 'spool/schema', 'core/message'],
  },
  {
    name: 'spool/write',
    places: ['spool/write/'],
    imports: ['spool/file', 'spool/schema', 'spool/sql', 'core/'],
  },
  {
    name: 'spool/file',
    places: ['spool/file/'],
    imports: ['spool/schema', 'spool/sql', 'core/'],
  },
  {
    name: 'spool/schema',
    places: ['spool/schema/'],
    imports: ['spool/sql', 'core/message', 'core/text'],
  },
  {
    name: 'spool/sql',
    places: ['spool/sql/'],
    imports: ['core/text'],
  },
  {
    name: 'clock',
    places: ['clock.ts', 'version.ts'],
    imports: [],
  },
  {
    name: 'core/events',
    places: ['core/events/'],
    imports: ['core/account', 'core/receipt', 'core/message', 'core/codes'],
  },
  {
    name: 'core/stats',
    places: ['core/stats/'],
    imports: ['core/account', 'core/receipt', 'core/message', 'core/codes', 'core/text'],
  },
  {
    name: 'core/account',
    places: ['core/account/'],
    imports: [
      'core/answer',
      'core/receipt',
      'core/message',
      'core/codes',
      'core/time',
      'core/text',
    ],
  },
  {
    name: 'core/answer',
    places: ['core/answer/'],
    imports: ['core/message', 'core/codes'],
  },
  {
    name: 'core/receipt',
    places: ['core/receipt/'],
    imports: ['core/message', 'core/codes', 'core/text'],
  },
  {
    name: 'core/message',
    places: ['core/message/'],
    imports: ['core/codes', 'core/text'],
  },
  {
    name: 'core/codes',
    places: ['core/codes/'],
    imports: [],
  },
  {
    name: 'core/window',
    places: ['core/window/'],
    imports: ['core/time'],
  },
  {
    name: 'core/time',
    places: ['core/time/'],
    imports: ['core/text'],
  },
  {
    name: 'core/spool-state',
    places: ['core/spool-state/'],
    imports: [],
  },
  {
    name: 'core/text',
    places: ['core/text/'],
    imports: [],
  },
];
