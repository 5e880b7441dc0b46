/**
 * A process that listens for receipts on the socket it was given, for the tests: prints `ready PID` or
 * `no socket`, then each receipt's id before it is answered; SIGTERM stops it.
 */
import { writeSync } from 'node:fs';
import { passedDescriptor } from '../../src/systemd/passed-descriptor.ts';
import { ReceiptListener } from '../../src/receipts/receipt-listener.ts';

const say = (line: string): number => writeSync(1, `${line}\n`);

const fd = passedDescriptor('receipts', process.env, process.pid);
if (fd === null) {
  say('no socket');
} else {
  const listener = await ReceiptListener.start({
    listen: '127.0.0.1:1',
    fd,
    path: '/receipts',
    signature: { method: 'sha256', secrets: [] },
    now: () => Date.now() / 1_000,
    take: ({ gatewayId }) => {
      say(`took ${gatewayId ?? ''}`);
      return Promise.resolve(true);
    },
    onRefused: (reason) => void say(`refused ${reason}`),
  });
  process.once('SIGTERM', () => void listener[Symbol.asyncDispose]());
  say(`ready ${process.pid} ${listener.address}`);
}
