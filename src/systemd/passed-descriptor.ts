/** Finds a descriptor that systemd passed to this process (sd_listen_fds(3)). */

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The descriptor with that FileDescriptorName=, the first if several have it. Null when none was passed, or when the
 * environment is meant for another process or contradicts itself.
 */
export function passedDescriptor(name: string, env: Environment, pid: number): number | null {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_PID !== String(pid) || LISTEN_FDNAMES === undefined) return null;
  const names = LISTEN_FDNAMES.split(':');
  const at = names.indexOf(name);
  return at === -1 || LISTEN_FDS !== String(names.length) ? null : FIRST_FD + at;
}
