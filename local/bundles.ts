import path from 'node:path';
import { prepare } from '@weaudit/aws-emulator/prepared';
import { bundleFunctions } from '../build/bundle.ts';
import { buildSite } from '../build/web.ts';

/**
 * The functions as they are deployed, bundled from the present sources.
 * @returns the folder with `<function>.cjs`
 */
export function prepareBundles(root: string): Promise<string> {
  const sources = ['functions/**/*', 'lib/**/*', 'build/**/*', 'package-lock.json'];
  return prepare(root, path.join(root, '.build', 'local'), sources, bundleFunctions);
}

/** The page as it is deployed, built from the present sources. @returns its folder */
export function prepareSite(root: string): Promise<string> {
  const sources = ['web/**/*', 'lib/**/*', 'build/web.ts', 'package-lock.json'];
  return prepare(root, path.join(root, '.build', 'local-web'), sources, buildSite);
}
