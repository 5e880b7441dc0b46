/** The library that makes the daemon's writes fail, compiled once a run of tests; null where there is no C compiler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SOURCE = resolve(import.meta.dirname, 'fault-shim.c');

export type Fault = 'EIO-WRITE' | 'EIO-FSYNC' | 'EDQUOT';

export interface Shim {
  readonly env: Readonly<Record<string, string>>;
  readonly fail: (fault: Fault) => void;
  readonly recover: () => void;
}

export class Shims implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sms-spoold-shim-'));
  readonly #library = join(this.#folder, 'shim.so');
  readonly isThere: boolean;
  #count = 0;

  constructor() {
    const { status } = spawnSync('cc', ['-shared', '-fPIC', '-o', this.#library, SOURCE, '-ldl']);
    this.isThere = status === 0;
  }

  /** One for one daemon. */
  make(): Shim {
    this.#count += 1;
    const file = join(this.#folder, `fault-${this.#count}`);
    return {
      env: { LD_PRELOAD: this.#library, FAULT_FILE: file },
      fail: (fault) => writeFileSync(file, fault),
      recover: () => rmSync(file, { force: true }),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
