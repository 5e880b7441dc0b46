/**
 * Which names a client may call the admin server by. A page in somebody's browser can reach this machine under a
 * name of its own (DNS rebinding); the name gives it away. Pure.
 */
import { isIP } from 'node:net';

/** Makes the check of a Host header. `listen` is "HOST:PORT", whose host counts as well; `hosts` are names. */
export function hostCheck(
  listen: string,
  hosts: readonly string[],
): (host: string | undefined) => boolean {
  const names = new Set(['localhost', nameIn(listen), ...hosts.map(plain)]);
  return (host) => {
    if (host === undefined || host.trim() === '') return true;
    const name = nameIn(host);
    return isIP(name) !== 0 || names.has(name);
  };
}

/** Without a port, and an IPv6 address without its brackets. */
function nameIn(host: string): string {
  const [, bracketed, bare = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim()) ?? [];
  return plain(bracketed ?? bare);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
