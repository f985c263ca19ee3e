import path from 'node:path';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import { readServerless, readStack } from '@weaudit/aws-emulator/stack';

const ROOT = path.resolve(import.meta.dirname, '..');

/**
 * What is deployed: times, limits, roles and rules of the stage `dev`, read from serverless.yml.
 * @param parameters such as `createsPerMinute=3000`
 */
export const deployedStack = async (...parameters: string[]): Promise<StackModel> =>
  readStack(await readServerless(ROOT, 'dev', parameters), '123456789012');
