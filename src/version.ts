/** The program's version, from the package it was installed with. */
import { readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
}

export function readVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as Package).version;
}
