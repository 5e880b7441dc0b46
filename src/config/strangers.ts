/** Whether anybody who reaches the receipt listener can write into the spool. */
import type { Config } from './config.ts';

export const DEFAULT_RECEIPTS_PATH = '/receipts';

/** In the words of `check` and of the log. */
export const STRANGERS_WARNING =
  'receipts are unsigned and come to the default path: whoever reaches receipts.listen can have receipts stored';
export const STRANGERS_REMEDY =
  'have the account sign its web-hooks and set receipts.signature_secret, or set receipts.path to one that ' +
  'nobody can guess';

/** Receipts need no signature, and everybody knows the path. */
export function isOpenToStrangers({ receipts }: Pick<Config, 'receipts'>): boolean {
  return receipts.signatureSecrets.length === 0 && receipts.path === DEFAULT_RECEIPTS_PATH;
}
