/** What the reader is told before anything happens: what is here, and the one statement an application needs. */
import { styleText } from 'node:util';
import { lineHead } from './line.ts';
import { GATEWAY_RATE, SENDER_RATE } from './setting.ts';

/** Ends with the heads of the columns that follow. */
export function introduction(gatewayUrl: string, spoolPath: string): string {
  const bold = (text: string): string => styleText('bold', text);
  return `${bold('An application, the spool, the daemon and a sandbox gateway, in one process.')}
Nothing leaves this machine. It ends by itself in about 10 seconds.

  gateway   ${gatewayUrl}: ${GATEWAY_RATE} requests a second,
            two senders limited to ${SENDER_RATE} message a second
  spool     ${spoolPath}

This is all an application does, in any language:

  ${bold('INSERT INTO messages (recipient, text)')}
  ${bold("VALUES ('447700900000', 'Your table is ready');")}

${lineHead()}
`;
}
