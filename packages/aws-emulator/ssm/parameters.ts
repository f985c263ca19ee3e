import { renameSync, writeFileSync } from 'node:fs';
import { readJsonFile } from '@weaudit/sqlite/data-file';

interface Parameter {
  value: string;
  type: string;
  version: number;
  /** Seconds since 1970 */
  modifiedAt: number;
}

/** SSM parameters in one small file, which is replaced as a whole by every write. @throws UnusableFile */
export function openParameterStore(file: string) {
  const parameters = new Map<string, Parameter>();
  const stored = (readJsonFile(file) ?? {}) as Record<string, Parameter>;
  for (const [name, parameter] of Object.entries(stored)) parameters.set(name, parameter);

  function save(): void {
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(parameters), null, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** @returns the new version */
  function put(name: string, value: string, type = 'SecureString'): number {
    const version = (parameters.get(name)?.version ?? 0) + 1;
    parameters.set(name, { value, type, version, modifiedAt: Date.now() / 1000 });
    save();
    return version;
  }

  /** @returns whether there was one */
  function remove(name: string): boolean {
    const existed = parameters.delete(name);
    if (existed) save();
    return existed;
  }

  return {
    get: (name: string): string | undefined => parameters.get(name)?.value,
    /** With type and version. */
    find: (name: string): Readonly<Parameter> | undefined => parameters.get(name),
    put,
    remove,
  };
}

export type ParameterStore = ReturnType<typeof openParameterStore>;
