import { createRequire } from 'node:module';
import path from 'node:path';
import { LocalError } from '../local-error.ts';

/** What the framework knows of each property with a variable; `error` if it could not be resolved. */
type Variables = Map<string, { error?: Error }>;

/** Where a variable's value comes from, such as `env` of `${env:HOME}`. */
interface Source {
  resolve(request: unknown): unknown;
}

/**
 * Reads serverless.yml and resolves its variables for one stage, with the framework's own reader and resolver. These are
 * internal modules: the command `serverless print` gives the same, but takes ten times as long, because it loads every
 * plugin and command (docs/decisions/0037).
 * @param root the folder of serverless.yml
 * @param param parameters as the command line has them, such as `logLevel=DEBUG`
 * @returns the configuration as `serverless print --stage <stage>` shows it, without the defaults that it fills in
 * @throws LocalError naming the property whose variable cannot be resolved
 */
export async function readServerless(root: string, stage: string, param: string[] = []): Promise<unknown> {
  const require = createRequire(path.join(root, 'package.json'));
  const internal = (name: string) => require(`serverless/lib/configuration/${name}.js`);
  const source = (name: string): Source => internal(`variables/sources/${name}`);
  try {
    const configuration = await internal('read')(path.join(root, 'serverless.yml'));
    const options = { stage, param };
    const instance = { configurationInput: configuration, processedInput: { options } };
    const sources: Record<string, Source> = {
      // Empty, so that neither a profile nor a credential of the developer can influence the local stack.
      env: { resolve: () => ({ value: null }) },
      file: source('file'),
      opt: source('opt'),
      self: source('self'),
      strToBool: source('str-to-bool'),
      sls: internal('variables/sources/instance-dependent/get-sls')(instance),
      param: internal('variables/sources/instance-dependent/param')(instance),
    };
    const variablesMeta: Variables = internal('variables/resolve-meta')(configuration);
    await internal('variables/resolve')({
      serviceDir: root,
      configuration,
      variablesMeta,
      sources,
      options,
      fulfilledSources: new Set(Object.keys(sources)),
    });
    // Resolved properties have left the map. Those that stay have an error or a source that only AWS has.
    for (const [property, { error }] of variablesMeta) {
      const name = property.replaceAll('\0', '.');
      throw error ?? new Error(`"${name}" has a variable of a kind that the local cloud cannot resolve.`);
    }
    return configuration;
  } catch (error) {
    throw new LocalError(
      `serverless.yml cannot be read for the stage "${stage}", so the local cloud does not know what to run. ` +
        `${(error as Error).message}`,
    );
  }
}
