import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RUNTIME_VERSION, verifyRuntime } from '../../src/packaging/runtime.ts';
import { textOf } from '../support/sources.ts';

const NODE = resolve(import.meta.dirname, '../../node_modules/node/bin/node');

describe('the Node of the Debian package', () => {
  it('the Node of the Debian package is the one whose SHA-256 is pinned', () => {
    expect(() => verifyRuntime(NODE)).not.toThrow();
  });

  it('the Node of the Debian package of any other content is refused by its hash', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-runtime-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'node');
    writeFileSync(file, 'not Node');
    expect(() => verifyRuntime(file)).toThrow(/expected Node .* found [0-9a-f]{64}/);
    expect(() => verifyRuntime(NODE, 'riscv64')).toThrow('none is pinned');
  });

  it('the Node of the Debian package has the version that the lock file installs', () => {
    const lock = JSON.parse(textOf('package-lock.json')) as {
      readonly packages: Readonly<Record<string, { readonly version?: string }>>;
    };
    expect(lock.packages['node_modules/node']?.version).toBe(RUNTIME_VERSION);
  });
});
