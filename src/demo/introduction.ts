/** Prints the introduction: the parts, and the one statement that an application needs. */
import { joined, safeLines, styledForOutput, type Safe } from '../terminal/safe.ts';
import { lineHead } from './event-line.ts';
import { GATEWAY_RATE, RECEIPT_TIMEOUT_MS, SENDER_RATE, UNCERTAIN_AFTER_MS } from './setting.ts';

/** Ends with the heads of the columns that follow. */
export function introduction(gatewayUrl: string, spoolPath: string): Safe {
  const bold = (text: string): Safe => styledForOutput('bold', text);
  return joined([
    bold('An application, the spool, the daemon and a sandbox gateway, in one process.'),
    safeLines(`
Nothing leaves this machine. It ends by itself in about 12 seconds.

  gateway   ${gatewayUrl}: ${GATEWAY_RATE} requests a second,
            two senders limited to ${SENDER_RATE} message a second;
            sends a receipt for each message, up to 1 s later
  spool     ${spoolPath}
  waits     an uncertain message waits ${UNCERTAIN_AFTER_MS / 1000} s for its receipt (by default 5 min),
            an accepted one ${RECEIPT_TIMEOUT_MS / 1000} s for its last one (by default 76 h)

This is all an application does, in any language:

  `),
    bold('INSERT INTO messages (recipient, text)'),
    safeLines('\n  '),
    bold("VALUES ('447700900000', 'Your table is ready');"),
    safeLines('\n\n'),
    lineHead(),
    safeLines('\n'),
  ]);
}
