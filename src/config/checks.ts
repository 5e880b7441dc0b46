/**
 * Checks rules over several keys: values that are right alone and wrong together.
 *
 * The checks see values as written, which may be of any type. A value that is wrong alone is refused elsewhere and
 * skipped here.
 */
import { parseDurationMs } from './duration-values.ts';
import { describe, quote } from './found.ts';
import { inside, refuse, warn, type KeyPlace } from './reading.ts';
import { SECRET_FORMS } from './secrets.ts';
import { isTable, type RawTable } from './tables.ts';
import { parseTimeOfDayMinutes } from './values.ts';

/** The gateway itself gives up on a message after this (ttl's default). */
const GATEWAY_TIMEOUT = '72h';

/** An account needs a secret to send or one to sign with. */
export function checkCredentials(account: RawTable, place: KeyPlace): void {
  if (account['api_secret'] !== null || account['signature'] !== null) return;
  refuse(inside(place, 'api_secret'), `a secret, ${SECRET_FORMS}, or a signature`, 'neither');
}

/** At most one default account, and a first one where none is named. */
export function checkAccounts(accounts: RawTable, place: KeyPlace): void {
  const names = Object.keys(accounts);
  const [first, ...others] = names.filter((name) => {
    const account = accounts[name];
    return isTable(account) && account['default'] === true;
  });
  for (const name of others) {
    const at = inside(inside(place, name), 'default');
    refuse(at, 'true in one account only', `true in ${quote(first ?? '')} as well`);
  }
  // Tables come out of the parser with names like "10" first, whatever the order of the file.
  const outOfOrder = names.find((name) => /^(0|[1-9]\d*)$/.test(name));
  if (first === undefined && names.length > 1 && outOfOrder !== undefined) {
    const expected =
      'default = true in one account, since a name of digits alone hides which is first';
    refuse(place, expected, `none, and an account named ${quote(outOfOrder)}`);
  }
}

/** A sender shares the budget of one group. */
export function checkGroups(groups: RawTable, place: KeyPlace): void {
  const groupOf = new Map<unknown, string>();
  for (const [name, group] of Object.entries(groups)) {
    const senders = isTable(group) && Array.isArray(group['senders']) ? group['senders'] : [];
    for (const [index, sender] of senders.entries()) {
      const other = groupOf.get(sender);
      if (other === undefined) groupOf.set(sender, name);
      else if (typeof sender === 'string') {
        const found = `${quote(sender)}, which is in ${quote(other)} ${other === name ? 'already' : 'as well'}`;
        const at = inside(inside(place, name), 'senders');
        refuse({ ...at, key: `${at.key}[${index}]` }, 'a sender that is in no other group', found);
      }
    }
  }
}

/** Two listeners cannot share an address. */
export function checkListeners(document: RawTable, place: KeyPlace): void {
  const { receipts, admin } = document;
  if (!isTable(receipts) || !isTable(admin)) return;
  const { listen } = admin;
  if (typeof listen !== 'string' || listen.endsWith(':0') || listen !== receipts['listen']) return;
  const expected = 'another address than receipts.listen';
  refuse(inside(inside(place, 'admin'), 'listen'), expected, describe(listen));
}

/** Whoever is told things must be able to tell who said them. */
export function checkNotify(notify: RawTable, place: KeyPlace): void {
  if (notify['url'] === null || notify['secret'] !== null) return;
  refuse(inside(place, 'secret'), `a secret to sign with, ${SECRET_FORMS}`, 'nothing');
}

/** A quiet time is neither empty nor the whole day. */
export function checkQuiet(quiet: RawTable, place: KeyPlace): void {
  const { from, to } = quiet;
  if (parseTimeOfDayMinutes(to) === null || from !== to) return;
  refuse(inside(place, 'to'), 'another time than from', describe(to));
}

/** Delays grow from the first to the longest. */
export function checkDelays(retry: RawTable, place: KeyPlace): void {
  const firstMs = parseDurationMs(retry['first_delay']);
  const mostMs = parseDurationMs(retry['max_delay']);
  if (firstMs === null || mostMs === null || firstMs <= mostMs) return;
  const expected = `at least retry.first_delay, ${describe(retry['first_delay'])}`;
  refuse(inside(place, 'max_delay'), expected, describe(retry['max_delay']));
}

/** Who stops waiting before the gateway does misses its last word. */
export function checkTimeout(receipts: RawTable, place: KeyPlace): void {
  const timeoutMs = parseDurationMs(receipts['timeout']);
  const gatewayMs = parseDurationMs(GATEWAY_TIMEOUT);
  if (timeoutMs === null || gatewayMs === null || receipts['expect'] === false) return;
  if (timeoutMs >= gatewayMs) return;
  const shown = describe(receipts['timeout']);
  const meaning = 'messages may end as unconfirmed before their receipt comes';
  warn(
    inside(place, 'timeout'),
    `${shown} is shorter than the gateway's own ${GATEWAY_TIMEOUT}; ${meaning}`,
  );
}

export const DEFAULT_RECEIPTS_PATH = '/receipts';

/** In the words of `check` and of the log. */
export const STRANGERS_WARNING =
  'receipts are unsigned and come to the default path: whoever reaches receipts.listen can have receipts stored';
export const STRANGERS_REMEDY =
  'have the account sign its web-hooks and set receipts.signature_secret, or set receipts.path to one that ' +
  'nobody can guess';

/** Receipts need no signature and come to the well-known path. */
export function isOpenToStrangers({
  receipts,
}: {
  readonly receipts: { readonly signatureSecrets: readonly string[]; readonly path: string };
}): boolean {
  return receipts.signatureSecrets.length === 0 && receipts.path === DEFAULT_RECEIPTS_PATH;
}
