/**
 * A bare Debian of its own, in a folder: what debootstrap makes, with systemd and nothing that the package
 * does not ask for. Debian 12; SMS_SPOOLD_DEBIAN names another release. SMS_SPOOLD_DEBIAN_ROOT names a folder
 * that one was made in before, which is copied and not changed.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The package's dependencies, so that it can be installed without a network; and what boots. */
const MINIMAL = ['--variant=minbase', '--include=systemd,libstdc++6,init-system-helpers'];
const MAKING_MS = 400_000;

export class DebianRoot implements Disposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A fresh root, or the reason why there can be none here. */
  static make(): DebianRoot | string {
    const missing = whyNot();
    if (missing !== null) return missing;
    const root = new DebianRoot(mkdtempSync(join(tmpdir(), 'sms-spoold-debian-')));
    /* It becomes the container's /, which everybody there must get through. */
    chmodSync(root.folder, 0o755);
    const made = process.env['SMS_SPOOLD_DEBIAN_ROOT'] ?? '';
    const suite = process.env['SMS_SPOOLD_DEBIAN'] ?? 'bookworm';
    const options = { encoding: 'utf8', timeout: MAKING_MS } as const;
    const done =
      made === ''
        ? spawnSync('debootstrap', [...MINIMAL, suite, root.folder], options)
        : spawnSync('cp', ['--archive', '--reflink=auto', `${made}/.`, root.folder], options);
    if (done.status === 0) return root;
    root[Symbol.dispose]();
    const said = `${done.stdout}\n${done.stderr}`.trim().split('\n').slice(-2).join(' · ');
    return `no Debian can be made here (is a mirror reachable?): ${said}`;
  }

  path(inside: string): string {
    return join(this.folder, inside);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'only root can make a Debian of its own';
  const folders = (process.env['PATH'] ?? '').split(':');
  const isThere = (name: string): boolean =>
    folders.some((folder) => existsSync(join(folder, name)));
  const missing = ['debootstrap', 'dpkg-deb'].filter((name) => !isThere(name));
  return missing.length === 0 ? null : `there is no ${missing.join(', no ')} on the PATH`;
}
