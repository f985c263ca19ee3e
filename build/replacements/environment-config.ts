/**
 * Stands in for the SDK's configuration loader: the environment, then the default. Lambda has no `~/.aws/config`,
 * which the loader would look for before each function's first call.
 */
export function loadConfig<T>(
  options: {
    environmentVariableSelector: (env: NodeJS.ProcessEnv, options: object) => T | undefined;
    default: T | (() => Promise<T>);
  },
  configuration: object = {},
): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  const load = async () => {
    const value = options.environmentVariableSelector(process.env, configuration);
    if (value !== undefined) return value;
    const standard = options.default;
    return typeof standard === 'function' ? (standard as () => Promise<T>)() : standard;
  };
  return () => {
    loaded ??= load();
    return loaded;
  };
}
