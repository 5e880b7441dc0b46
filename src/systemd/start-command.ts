/**
 * Names the command that starts the daemon: systemd's where the unit is installed and the configuration is the
 * package's, else the program's own.
 */
import { existsSync } from 'node:fs';
import { quoted } from '../core/text/escape.ts';

const UNIT = 'sms-spoold.service';
const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
const PACKAGED = '/etc/sms-spoold/sms-spoold.toml';

/** `file` is the configuration; null = there is none. */
export function startCommand(file: string | null): string {
  if (file === PACKAGED && isUnitInstalled()) return 'systemctl start sms-spoold';
  return file === null ? 'sms-spoold run' : `sms-spoold run --config ${quoted(file)}`;
}

function isUnitInstalled(): boolean {
  return UNIT_FOLDERS.some((folder) => existsSync(`${folder}/${UNIT}`));
}
