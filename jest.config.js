/** TypeScript as Node runs it: types are taken away, modules stay modules. */
const typescript = {
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/\\.(build|local|serverless)/'],
};

/** What takes long says so in its name, and stands beside its kin. */
const LONG = '.long.test.ts';

/** Tests that run alone with `--selectProjects <name>`. */
const project = (displayName, folder, more = {}) => ({
  ...typescript,
  displayName,
  testMatch: [`<rootDir>/${folder}/**/*.test.ts`],
  testPathIgnorePatterns: ['/node_modules/', LONG.replaceAll('.', '\\.')],
  ...more,
});

export default {
  // It ends what hangs. No test is judged by it, however busy the machine is.
  testTimeout: 600_000,
  maxWorkers: 2,
  // A large worker takes so long to end that Jest takes it for one that hangs; `test/support/end-at-once.js` is the rest.
  workerIdleMemoryLimit: '256MB',
  testSequencer: '<rootDir>/test/support/slow-first.js',
  projects: [
    project('unit', 'test/unit', { testEnvironment: '<rootDir>/test/support/unit-environment.ts' }),
    project('flow', 'test/flow'),
    project('simulator', 'test/simulator'),
    project('emulator', 'packages/*/test'),
    project('packaged', 'test/packaged', { globalSetup: '<rootDir>/test/support/packaged.ts' }),
    project('pipeline', 'test/pipeline'),
    project('browser', 'test/browser'),
    {
      ...typescript,
      displayName: 'long',
      testMatch: [`<rootDir>/{test,packages}/**/*${LONG}`],
    },
    {
      ...typescript,
      displayName: 'deploy',
      testMatch: ['<rootDir>/test/packaged/deploy/*.check.ts'],
    },
    {
      ...typescript,
      displayName: 'runtime',
      testMatch: ['<rootDir>/test/packaged/runtime/*.check.ts'],
    },
  ],
};
