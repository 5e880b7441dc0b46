// Tests that start the program run dist/; it is built once before them, so that they never judge old code.
import { execFileSync } from 'node:child_process';

export default function setup(): void {
  if (process.env['SMS_SPOOLD_TEST_BUILT'] === '1') return;
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
