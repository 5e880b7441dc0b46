/** Names the origin of a secret, and the command that makes the running daemon read a changed one. */

/** `path` is its file; null = it has none. */
export interface SecretOrigin {
  readonly from: 'configuration' | 'env' | 'file' | 'credential';
  readonly path: string | null;
}

/** Makes the daemon read its configuration again. */
export const RELOAD = 'systemctl reload sms-spoold (or kill -HUP its pid)';

/** The command that makes the daemon read a changed secret; null = the origin is not known. */
export function takeUpCommand(origin: SecretOrigin | null): string {
  switch (origin?.from) {
    case 'file':
    case 'configuration':
      return RELOAD;
    case 'credential':
      return 'systemctl restart sms-spoold (credentials are copied at a start only)';
    case 'env':
      return 'systemctl restart sms-spoold (the environment is read at a start only)';
    case undefined:
      return 'systemctl restart sms-spoold';
  }
}
