import path from 'node:path';
import { describe } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { runProgram } from '../support/command.ts';
import { type Answer, sampleEvents } from '../support/sample-events.ts';

/** `serverless invoke local` with a sample event of each function. Each start costs seconds. */

const ROOT = path.resolve(import.meta.dirname, '..', '..');

const cloud = withCloud({ predictionSeconds: 0.1 });
const { testEachFunction } = sampleEvents(cloud);

/** The function's answer by `serverless invoke local`, in an environment without any credentials. */
async function invoked(functionKey: string, file: string): Promise<Answer> {
  const environment = cloud.cloud.environment(functionKey);
  const declared = Object.entries(environment).filter(
    ([name, value]) =>
      name === 'AWS_ENDPOINT_URL' ||
      /^[A-Z_]+_(URL|ORIGINS)$/.test(name) ||
      value.includes('http://127.0.0.1'),
  );
  const result = await runProgram(
    [
      path.join(ROOT, 'node_modules', 'serverless', 'bin', 'serverless.js'),
      ...['invoke', 'local', '--function', functionKey, '--path', `events/${file}`],
      ...declared.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ],
    { WEAUDIT_SAMPLES: process.env.WEAUDIT_SAMPLES! },
  );
  const document = /^\{$[\s\S]*?^\}$/m.exec(result.stdout)?.[0];
  if (document === undefined)
    throw new Error(`${functionKey} gave no answer:\n${result.stdout}\n${result.stderr}`);
  return { answer: JSON.parse(document), output: result.stdout };
}

describe('serverless invoke local, without credentials', () => testEachFunction(invoked));
