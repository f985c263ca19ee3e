import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EVERYTHING, packageStack } from '../support/packaged.ts';

const run = promisify(execFile);

const installed = await run('cfn-lint', ['--version']).then(
  () => true,
  () => false,
);
if (!installed)
  console.warn('cfn-lint is not installed (pip install cfn-lint): the templates were NOT checked by it.');

/** Errors only: its warnings are about dependencies that Serverless names twice, and conditions that are constant. */
async function errorsIn(file: string): Promise<string[]> {
  const { stdout } = await run('cfn-lint', ['--format', 'json', '--non-zero-exit-code', 'none', file], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = JSON.parse(stdout || '[]') as { Level: string; Rule: { Id: string }; Message: string }[];
  return found.filter(({ Level }) => Level === 'Error').map(({ Rule, Message }) => `${Rule.Id} ${Message}`);
}

(installed ? describe : describe.skip)('cfn-lint finds no error', () => {
  test.each([
    ['with default parameters', 'dev', []],
    ['with all options on', 'prod', EVERYTHING],
  ])('%s', async (_, stage, parameters) => {
    const { file } = await packageStack(stage, parameters);
    expect(await errorsIn(file)).toEqual([]);
  });

  test('in the template of the backup by itself', async () => {
    expect(await errorsIn('infra/backup.yml')).toEqual([]);
  });
});
