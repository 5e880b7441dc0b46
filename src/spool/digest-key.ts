/**
 * The key of the digests by which `safety.collapse` compares texts. It is in the daemon's own folder: whoever has the
 * spool, or a backup of it, cannot try texts until one fits.
 */
import { randomBytes } from 'node:crypto';
import type { OwnFolder } from './own-folder.ts';

const NAME = 'digest-key';
const BYTES = 32;

/** The key of this spool, drawn when it is first asked for. */
export function digestKeyOf(own: Pick<OwnFolder, 'read' | 'write'>): Buffer {
  const known = Buffer.from(own.read(NAME) ?? '', 'hex');
  if (known.length === BYTES) return known;
  const drawn = randomBytes(BYTES);
  own.write(NAME, drawn.toString('hex'));
  return drawn;
}
