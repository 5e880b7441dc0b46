/** What tells a spool from any other: a word that is drawn when it is made, and that every copy of it bears. */
import { randomBytes } from 'node:crypto';

/** Under this name it is in `spool`. */
export const IDENTITY = 'identity';

/** One that nobody draws twice. */
export function drawWord(): string {
  return randomBytes(12).toString('base64url');
}
