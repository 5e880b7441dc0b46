/** `codes` for one HTTP status, and in Chinese. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { displayWidth } from '../../src/terminal/terminal-width.ts';
import { Program } from './program.ts';

let program: Program;
beforeEach(() => {
  program = new Program();
});
afterEach(() => program[Symbol.dispose]());

it.each([
  ['401', 'HTTP 401 of an answer without a status (rule 401)', 'retry, of the account'],
  ['503', 'HTTP 503 of an answer without a status (rule 5xx)', 'uncertain, of the message'],
])('codes %s gives the HTTP rule first, with meaning and remedy', async (code, title, route) => {
  const { stdout } = await program.run(['codes', code]);
  const [http = ''] = stdout.split('\n\n');
  expect(http).toContain(title);
  expect(http).toContain(route);
  expect(http).toMatch(/^meaning +\S[^]*\nremedy +\S/m);
  expect(stdout).toContain(`Status ${code} of an answer: unknown-code-${code}`);
  const { stdout: json } = await program.run(['codes', code, '--json']);
  const kinds = json
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { kind: string }).kind);
  expect(kinds).toEqual(['answer', 'http', 'receipt']);
});

it('codes N --lang zh explains in Chinese, within COLUMNS', async () => {
  const { code, stdout } = await program.run(['codes', '29', '--lang', 'zh'], {
    env: { COLUMNS: '60' },
  });
  expect(code).toBe(0);
  expect(stdout).toContain('应答的状态码 29：not-whitelisted');
  expect(stdout).toMatch(/^含义 +演示账户只能向其名单中的号码发送。$/m);
  expect(stdout).toMatch(/^处理办法 +把号码加入测试号码名单/m);
  expect(Math.max(...stdout.split('\n').map(displayWidth))).toBeLessThanOrEqual(60);
});

it('codes follows the locale in text, and --json only --lang', async () => {
  const env = { LANG: 'zh_CN.UTF-8', COLUMNS: '80' };
  const { stdout } = await program.run(['codes'], { env });
  expect(stdout).toContain('送达回执的代码');
  const lines = stdout.split('\n');
  expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(80);
  /* The remedies of each table begin in one column. */
  const head = lines.find((line) => line.includes('处理办法')) ?? '';
  const at = displayWidth(head.slice(0, head.indexOf('处理办法')));
  const row = lines.find((line) => line.includes('invalid-credentials')) ?? '';
  expect(displayWidth(row.slice(0, row.indexOf('改正配置')))).toBe(at);
  const firstOf = async (...args: string[]) =>
    (await program.run(['codes', '9', '--json', ...args], { env })).stdout.split('\n')[0];
  expect(await firstOf()).toContain('"meaning":"The account has not enough credit');
  expect(await firstOf('--lang', 'zh-CN')).toContain('"meaning":"账户余额不足');
  expect((await program.run(['codes', '9', '--lang', 'de'])).code).toBe(64);
});
