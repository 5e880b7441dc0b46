/** Circles among imports, between files and between folders; an import of a type counts as any other. */
import type { Import } from '../support/sources.ts';

export interface FileImports {
  readonly path: string;
  readonly imports: readonly Import[];
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Each group of files that import each other in a circle, as one line. */
export function fileCircles(files: readonly FileImports[]): readonly string[] {
  const graph = graphOf(files, (path) => path);
  return circlesOf(graph).map((circle) => circle.join(' ↔ '));
}

/**
 * Each group of places that import each other in a circle. The places of a folder are its subfolders, each as
 * a whole, and its own files, each alone. Circles of files alone are left to `fileCircles`.
 */
export function folderCircles(files: readonly FileImports[]): readonly string[] {
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  return [...folders].toSorted().flatMap((folder) => {
    const inside = files.filter(({ path }) => path.startsWith(`${folder}/`));
    const graph = graphOf(inside, (path) => placeIn(folder, path));
    return circlesOf(graph)
      .filter((circle) => circle.some((place) => folders.has(place)))
      .map((circle) => circle.join(' ↔ '));
  });
}

/** `src/a/b/c.ts` → `src`, `src/a`, `src/a/b`. */
function foldersOf(path: string): readonly string[] {
  const steps = path.split('/').slice(0, -1);
  return steps.map((_step, index) => steps.slice(0, index + 1).join('/'));
}

function placeIn(folder: string, path: string): string {
  const depth = folder.split('/').length + 1;
  return path.split('/').slice(0, depth).join('/');
}

function graphOf(files: readonly FileImports[], placeOf: (path: string) => string): Graph {
  const known = new Set(files.map(({ path }) => path));
  const graph = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    const from = placeOf(path);
    const to = graph.get(from) ?? new Set();
    graph.set(from, to);
    for (const { target } of imports) {
      if (known.has(target) && placeOf(target) !== from) to.add(placeOf(target));
    }
  }
  return graph;
}

/** The strongly connected components of more than one place (Tarjan). */
function circlesOf(graph: Graph): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (place: string): number => {
    const index = order.size;
    order.set(place, index);
    let low = index;
    stack.push(place);
    for (const next of graph.get(place) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, order.get(next) ?? low);
    }
    if (low === index) {
      const circle = stack.splice(stack.indexOf(place));
      if (circle.length > 1) circles.push(circle.toSorted());
    }
    return low;
  };
  for (const place of graph.keys()) if (!order.has(place)) visit(place);
  return circles;
}
