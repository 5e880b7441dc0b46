/** Loaded before the daemon: sends it the signal SIGNAL when it is about to load the file SIGNAL_AT of dist/. */
import { registerHooks } from 'node:module';

const { SIGNAL_AT: file, SIGNAL: signal } = process.env;

if (file !== undefined && signal !== undefined) {
  registerHooks({
    load(url, context, next) {
      if (url.endsWith(`/dist/${file}`)) process.kill(process.pid, signal);
      return next(url, context);
    },
  });
}
