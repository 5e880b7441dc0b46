import tseslint from 'typescript-eslint';

// Siblings never import each other; everything may import core; core imports nothing but core.
const fence = (files, forbidden) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: forbidden.map((group) => ({ group: [group] })) },
    ],
  },
});
const spool = ['**/spool/**', 'better-sqlite3'];
const gateway = ['**/gateway/**', 'undici'];
const limiter = ['**/limiter/**', 'bottleneck', 'p-queue'];
const shell = ['**/config/**', '**/cli/**', '**/dispatch/**'];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: [] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  fence(['src/core/**'], [...spool, ...gateway, ...limiter, ...shell, 'node:*', 'pino']),
  fence(['src/spool/**'], [...gateway, ...limiter, ...shell, 'pino']),
  fence(['src/gateway/**'], [...spool, ...limiter, ...shell, 'pino']),
  fence(['src/limiter/**'], [...spool, ...gateway, ...shell, 'pino']),
  {
    files: ['test/**', 'src/packaging/**', 'eslint.config.js', 'vitest.config.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['eslint.config.js'], extends: [tseslint.configs.disableTypeChecked] },
);
