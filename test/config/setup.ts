// A fresh folder with real files per test, and what loading from it gives.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/config/load.ts';

export const CREDENTIALS = 'api_key = "abcd1234"\napi_secret = { env = "SECRET" }\n';
export const ACCOUNT = `[accounts.main]\n${CREDENTIALS}`;

export function setup() {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const systemFile = join(folder, 'etc', 'sms-spoold.toml');

  const write = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  const load = (env: NodeJS.ProcessEnv = {}, file: string | null = null): Config =>
    loadConfig({ file, env, cwd: folder, systemFile });
  /** As a command that sends nothing loads it: secrets stay where they are. */
  const loadLeaving = (env: NodeJS.ProcessEnv = {}): Config =>
    loadConfig({ file: null, env, cwd: folder, systemFile, secrets: 'leave' });
  const loadText = (text: string, env: NodeJS.ProcessEnv = {}): Config => {
    write('sms-spoold.toml', text);
    return load({ SECRET: 'from the environment', ...env });
  };
  const refuseText = (text: string, env: NodeJS.ProcessEnv = {}): ConfigError =>
    catchConfigError(() => loadText(text, env));
  return { folder, systemFile, write, load, loadLeaving, loadText, refuseText };
}

export function catchConfigError(act: () => unknown): ConfigError {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError; nothing was thrown');
}
