/** Writes the texts of a Debian package that are no files of the checkout: control, copyright, changelog. */
import type { ShippedPackage } from './production-tree.ts';

export interface Papers {
  readonly version: string;
  /** Debian's word: amd64, arm64. */
  readonly architecture: string;
  readonly maintainer: string;
  readonly date: Date;
}

/** `installedKiB`: what the files take once unpacked. */
export function controlFile(papers: Papers, installedKiB: number): string {
  return `Package: sms-spoold
Version: ${papers.version}
Architecture: ${papers.architecture}
Maintainer: ${papers.maintainer}
Installed-Size: ${installedKiB}
Depends: libc6 (>= 2.34), libgcc-s1, libstdc++6 (>= 11), systemd (>= 250)
Suggests: logrotate, sqlite3
Section: net
Priority: optional
Description: spool in front of the Vonage SMS API
 Programs drop messages into an SQLite file, in any language; the daemon sends
 them as fast as the account allows, retries what failed for now, takes the
 delivery receipts, and keeps the whole story of each message.
 .
 The package brings its own Node. It makes the user sms-spoold and the group
 sms-spool, whose members may drop messages, and starts the service, which
 waits until an account is filled in.
`;
}

/** Debian's form of a changelog, with one entry; what changed is in CHANGELOG.md. */
export function changelogFile({ version, maintainer, date }: Papers): string {
  const at = date.toUTCString().replace(/GMT$/, '+0000');
  return `sms-spoold (${version}) stable; urgency=medium

  * What changed is in CHANGELOG.md.gz, next to this file.

 -- ${maintainer}  ${at}
`;
}

/** Debian's machine-readable copyright file, version 1.0. */
export function copyrightFile(own: string, shipped: readonly ShippedPackage[]): string {
  const stanzas = shipped.map(
    ({ name, version, license, licenseText }) => `Files: usr/lib/sms-spoold/node_modules/${name}/*
Comment: ${name} ${version}
Copyright: ${copyrightIn(licenseText) ?? `the authors of ${name}`}
License: ${license === '' ? 'see-below' : license.replaceAll(' ', '-')} (${name} ${version})
${indented(licenseText ?? `As package.json of ${name} says: ${license}.`)}`,
  );
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: sms-spoold

Files: *
Copyright: ${copyrightIn(own) ?? 'the sms-spoold authors'}
License: MIT
${indented(own)}

Files: usr/lib/sms-spoold/node
Copyright: Node.js contributors
License: MIT (Node.js)
 Node.js is under the MIT license. The libraries in it (V8, OpenSSL, ICU, libuv,
 zlib and others) are under licenses of their own; all of them are in the file
 LICENSE of https://github.com/nodejs/node at the version that
 /usr/lib/sms-spoold/node --version names.

${stanzas.join('\n\n')}
`;
}

function copyrightIn(text: string | null): string | null {
  const line = text?.split('\n').find((one) => /copyright.*\d{4}|^\s*copyright \(c\)/i.test(one));
  return line === undefined
    ? null
    : line
        .trim()
        .replace(/^[^\w(]+/, '')
        .replace(/^copyright\s*(\(c\)|©)?\s*/i, '');
}

/* Each line begins with a blank; an empty one is a point. */
function indented(text: string): string {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}
