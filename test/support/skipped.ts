// A reporter that ends a run with the list of the tests that were skipped, and what they would have needed.
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class Skipped implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap(({ children, moduleId }) =>
      [...children.allTests('skipped')].map((test) => lineOf(test, moduleId)),
    );
    if (lines.length === 0) return;
    process.stdout.write(`\nSkipped (${lines.length}):\n${lines.join('\n')}\n`);
  }
}

function lineOf(test: TestCase, file: string): string {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  const place = file.replace(`${process.cwd()}/`, '');
  return `  ${place}: ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
}
