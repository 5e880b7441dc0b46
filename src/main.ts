#!/usr/bin/env -S node --disable-sigusr1 --max-semi-space-size=4 --max-old-space-size=96
/**
 * argv in, exit code out. A Node that is too old is told so in one line before anything is imported that
 * loads better-sqlite3, which crashes Node 20 instead of failing; so nothing may be imported statically here
 * and nothing newer than Node 18 may be written.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `sms-spoold: Node 22.19 or newer is needed, this is ${process.version} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else {
  const args = process.argv.slice(2);
  /* The daemon answers signals from here on; loading the rest takes a while. Other commands end as programs do. */
  const early: NodeJS.Signals[] = [];
  if (args.includes('run')) {
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => early.push(signal));
    }
  }
  const { main } = await import('./cli/program.ts');
  process.exitCode = await main(args, early);
}

export {};
