/**
 * A listening socket that the service manager opened before we began and keeps while we restart, so that
 * connections wait in the kernel: systemd's socket activation (sd_listen_fds(3), sd_listen_fds_with_names).
 *
 * Only the descriptor's number is found here; nothing is opened or closed.
 */

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

/** FileDescriptorName= of the socket unit. */
const NAME = 'receipts';

/**
 * The descriptor named `receipts`, the first one if there are several. Null when none was passed, or when
 * what the environment says is not meant for this process or contradicts itself.
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | null {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_PID !== String(pid) || LISTEN_FDNAMES === undefined) return null;
  const names = LISTEN_FDNAMES.split(':');
  const at = names.indexOf(NAME);
  return at === -1 || LISTEN_FDS !== String(names.length) ? null : FIRST_FD + at;
}
