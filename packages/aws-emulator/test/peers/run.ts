/**
 * `npm run test:peers -- <checkout of github.com/ceph/s3-tests>`: runs that suite's tests of the operations that the local S3
 * has, and compares the outcomes with `s3-tests.json`. Exit 77 where the checkout, Python or one of its packages is missing.
 * With `--write` the list of passing tests is written again; explanations are written by people.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listen } from '../../listen.ts';
import { openS3, type Principal } from '../../s3/server.ts';
import { compare, type Listed, NOT_CLAIMED_MARKS, type Outcome, outcomesIn, wanted } from './compare.ts';

const MISSING = 77;
const LIST = path.join(import.meta.dirname, 's3-tests.json');
const MODULES = ['test_s3', 'test_headers'].map((name) => `s3tests/functional/${name}.py`);
const OWNER: Principal = {
  arn: 'arn:aws:iam::000000000000:user/local',
  accountId: '000000000000',
  anonymous: false,
  admin: true,
};
const PACKAGES = ['pytest', 'boto3', 'munch', 'gevent', 'isodate', 'requests', 'pytz', 'httplib2', 'lxml'];

function leave(sentence: string): never {
  console.log(sentence);
  process.exit(MISSING);
}

/** The suite's configuration. All its users are the one account that there is. */
function configuration(port: number): string {
  const user = (name: string) =>
    `display_name = ${name}\nuser_id = ${OWNER.accountId}\nemail = ${name}@example.com\naccess_key = local\nsecret_key = local\n`;
  const sections = ['s3 main', 's3 alt', 's3 tenant', 'iam', 'iam root', 'iam alt root'].map(
    (name) =>
      `[${name}]\n${user(name.replaceAll(' ', ''))}${name === 's3 main' ? 'api_name = us-east-1\n' : ''}${name === 's3 tenant' ? 'tenant = none\n' : ''}`,
  );
  return `[DEFAULT]\nhost = 127.0.0.1\nport = ${port}\nis_secure = False\nssl_verify = False\n[fixtures]\nbucket prefix = peers-{random}-\n${sections.join('')}`;
}

async function serve(dataDir: string) {
  const s3 = await openS3({
    dataDir,
    region: 'us-east-1',
    buckets: [],
    credentials: (id) => (id === 'local' ? { secretAccessKey: 'local', principal: OWNER } : undefined),
    authorize: ({ principal }) => !principal.anonymous,
    onEvent: async () => {},
  });
  const listener = await listen(0, 'S3', '');
  listener.serve(s3.api.handle);
  return {
    port: Number(new URL(listener.origin).port),
    async stop() {
      await listener.close();
      await s3.stop();
    },
  };
}

async function runSuite(checkout: string, python: string, port: number, folder: string): Promise<Outcome[]> {
  const [config, report] = [path.join(folder, 's3tests.conf'), path.join(folder, 'report.xml')];
  writeFileSync(config, configuration(port));
  const marks = `not (${NOT_CLAIMED_MARKS.join(' or ')})`;
  const pytest = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--tb=line'];
  const environment = { ...process.env, S3TEST_CONF: config, AWS_MAX_ATTEMPTS: '1' };
  const options = { cwd: checkout, env: environment };
  const listing = spawnSync(python, [...pytest, '--collect-only', '-m', marks, ...MODULES], {
    ...options,
    encoding: 'utf8',
  });
  const tests = wanted(listing.stdout.split('\n'));
  if (tests.length === 0) throw new Error(`The suite lists no tests:\n${listing.stdout}${listing.stderr}`);
  console.log(`${tests.length} tests of github.com/ceph/s3-tests are for operations that the local S3 has.`);
  const run = spawn(python, [...pytest, `--junitxml=${report}`, ...tests], { ...options, stdio: 'inherit' });
  await once(run, 'exit');
  return outcomesIn(readFileSync(report, 'utf8'));
}

const [checkout = process.env.S3_TESTS, ...flags] = process.argv.slice(2);
if (checkout === undefined || !existsSync(path.join(checkout, MODULES[0]!))) {
  leave(
    'Not run: this needs a checkout of https://github.com/ceph/s3-tests. Give its path: npm run test:peers -- <path>.',
  );
}
const python = process.env.PYTHON ?? 'python3';
const found = spawnSync(python, ['-c', `import ${PACKAGES.join(', ')}`], { encoding: 'utf8' });
if (found.status !== 0) {
  leave(
    `Not run: ${python} or one of its packages is missing. Run: pip install -r ${path.join(checkout, 'requirements.txt')}, or set PYTHON to the interpreter that has them.`,
  );
}
const folder = mkdtempSync(path.join(tmpdir(), 'peers-'));
const server = await serve(path.join(folder, 's3'));
let outcomes: Outcome[];
try {
  outcomes = await runSuite(checkout, python, server.port, folder);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
let listed = JSON.parse(readFileSync(LIST, 'utf8')) as Listed;
if (flags.includes('--write')) {
  const passing = outcomes.filter(({ passed }) => passed).map(({ name }) => name);
  listed = { ...listed, passing: passing.sort() };
  writeFileSync(LIST, `${JSON.stringify(listed, null, 2)}\n`);
}
const { summary, unexplained } = compare(outcomes, listed);
console.log(`\n${summary}`);
for (const line of unexplained) console.log(`- ${line}`);
process.exit(unexplained.length > 0 ? 1 : 0);
