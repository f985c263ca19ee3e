import path from 'node:path';
import { bundleDecoder } from '../../build/decoder.ts';
import { prepare } from '../../packages/aws-emulator/prepared.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The decoder as it is deployed, bundled from the present sources. @returns its folder */
export function preparedDecoder(): Promise<string> {
  const sources = ['lib/images/decode/**/*', 'build/decoder.ts', 'package-lock.json'];
  return prepare(ROOT, path.join(ROOT, '.build', 'decoder'), sources, bundleDecoder);
}

/** Another program within the same walls. @param program its file in test/support */
export function preparedProgram(program: string): Promise<string> {
  const entry = path.join(import.meta.dirname, program);
  const sources = ['lib/images/decode/**/*', 'build/decoder.ts', 'test/support/*', 'package-lock.json'];
  return prepare(ROOT, path.join(ROOT, '.build', path.parse(program).name), sources, (folder) =>
    bundleDecoder(folder, entry),
  );
}
