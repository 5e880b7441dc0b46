/** Finds the files that the program was installed with: its version, and the example of a configuration. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Package {
  readonly version: string;
}

/* Kept: a command that becomes another user may not be able to read the file again. */
let version: string | null = null;

export function readVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  version ??= (JSON.parse(readFileSync(file, 'utf8')) as Package).version;
  return version;
}

/** The commented configuration with every key and its default; an absolute path. */
export function exampleFile(): string {
  return fileURLToPath(new URL('../config/sms-spoold.toml', import.meta.url));
}
