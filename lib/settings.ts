export type Environment = Record<string, string | undefined>;

/** A setting from the environment, which serverless.yml fills. Missing ones stop the function at its start. */
export function setting(env: Environment, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`the environment has no ${name}: serverless.yml sets it for this function.`);
  return value;
}

/** A setting that is a whole number above 0. */
export function numberSetting(env: Environment, name: string): number {
  const value = Number(setting(env, name));
  if (!Number.isInteger(value) || value <= 0) throw new Error(`${name} must be a whole number above 0.`);
  return value;
}

/** A setting that is a list, separated by commas. */
export const listSetting = (env: Environment, name: string): string[] =>
  setting(env, name)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
