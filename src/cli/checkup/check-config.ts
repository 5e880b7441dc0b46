/** Checks the program and its configuration, without the spool and the gateway. */
import { existsSync } from 'node:fs';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Problem } from '../../config/errors.ts';
import { STRANGERS_REMEDY, STRANGERS_WARNING, isOpenToStrangers } from '../../config/checks.ts';
import { othersWhoMayWrite, thisCaller } from '../../config/find.ts';
import { quoted } from '../../core/text/escape.ts';
import { hostAndPort } from '../../http/listen.ts';
import { exampleFile } from '../../version.ts';
import { checkLogFile, checkSecretFile, isWritable } from './check-permissions.ts';
import { fail, pass, warn, type Finding } from './finding.ts';

/** main.ts has refused anything older. */
export function checkNode(): Finding {
  return pass('Node', process.version);
}

export function checkProblems(problems: readonly Problem[]): readonly Finding[] {
  return problems.map(({ key, message, remedy }) => {
    const general = `Correct it; every key is explained in ${exampleFile()}`;
    return fail('configuration', `${key}: ${message}`, remedy ?? general);
  });
}

export function checkConfig(config: Config): readonly Finding[] {
  return [
    checkFile(config),
    ...checkWriters(config),
    ...config.warnings.map((warning) =>
      warn('configuration', warning, 'It works as it is; change it if you can.'),
    ),
    ...checkAccounts(config),
    checkReceipts(config),
    ...checkAdmin(config),
    checkLog(config),
    ...config.secretFiles.flatMap((file) => checkSecretFile(file) ?? []),
  ];
}

function checkFile({ file, accounts }: Config): Finding {
  if (file !== null) return pass('configuration', file);
  if (accounts.length > 0) return pass('configuration', 'no file; from the environment');
  return warn(
    'configuration',
    'there is no file, and the environment holds no account',
    `Copy ${exampleFile()} to /etc/sms-spoold/ and fill it in, or set VONAGE_API_KEY and VONAGE_API_SECRET.`,
  );
}

function checkWriters({ file }: Config): readonly Finding[] {
  const who = file === null ? null : othersWhoMayWrite(file, thisCaller());
  if (file === null || who === null) return [];
  const found = `${file} is ${who}: whoever writes there decides where the secret is sent`;
  return [warn('configuration', found, `chown root ${quoted(file)} && chmod go-w ${quoted(file)}`)];
}

function checkAccounts({ accounts, defaultAccount }: Config): readonly Finding[] {
  const [first] = accounts;
  if (first === undefined) {
    const remedy = `Add a table [accounts.main], as in ${exampleFile()}`;
    return [fail('accounts', 'none is configured', remedy)];
  }
  const used = accounts.find(({ name }) => name === defaultAccount) ?? first;
  return [
    pass('default account', used.name),
    ...accounts.map(({ name, sender }) => {
      const subject = `account ${name}`;
      if (sender !== null) return pass(subject, `default sender ${sender}`);
      const found = 'it has no default sender: messages that name none cannot be sent';
      return warn(subject, found, `Set sender in [accounts.${name}].`);
    }),
  ];
}

function checkReceipts({ receipts }: Config): Finding {
  const { listen, expect, signatureSecrets } = receipts;
  if (!expect) {
    return warn(
      'receipts',
      'not expected: accepted messages end as unconfirmed at once',
      'Set receipts.expect = true once the gateway can reach receipts.listen.',
    );
  }
  if (signatureSecrets.length > 0) return pass('receipts', `on ${listen}, signed`);
  if (isOpenToStrangers({ receipts })) {
    return warn('receipts', `on ${listen}: ${STRANGERS_WARNING}`, `${STRANGERS_REMEDY}.`);
  }
  return warn(
    'receipts',
    `on ${listen}, unsigned: who knows a client-ref and the path can make them up`,
    'Have the account sign its webhooks and set receipts.signature_secret.',
  );
}

function checkAdmin({ admin: { listen } }: Config): readonly Finding[] {
  if (isLoopback(hostAndPort(listen).host.toLowerCase())) return [];
  const found = `admin.listen is ${listen}, beyond loopback: whoever reaches it reads metrics and status, without a password`;
  const remedy = 'Set admin.listen = "127.0.0.1:8027" and let a proxy or an SSH tunnel lead there.';
  return [warn('admin', found, remedy)];
}

function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.');
  if (!isIPv6(host)) return host === 'localhost';
  /* An address has many spellings. */
  const loopback = new BlockList();
  loopback.addAddress('::1', 'ipv6');
  loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');
  return loopback.check(host, 'ipv6');
}

function checkLog({ log: { file, recipients } }: Config): Finding {
  if (file === null) return pass('status log', 'standard output only');
  const target = existsSync(file) ? file : dirname(file);
  if (isWritable(target)) return checkLogFile(file, recipients);
  const remedy = 'Make the folder and let the user of the daemon write there.';
  return fail('status log', `${target} cannot be written to`, remedy);
}
