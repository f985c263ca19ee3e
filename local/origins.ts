import type { StackModel } from '@weaudit/aws-emulator/stack';

export interface Endpoints {
  /** S3, SQS, SSM */
  aws: string;
  /** HTTP API, webhooks, page */
  api: string;
  replicate: string;
}

const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const originOf = (url: string | undefined) =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;

/**
 * Replaces the addresses that the local stage declares with the actual ones, because ports can be chosen and tests use
 * free ones. It replaces them in any text, so that no list of variables has to be kept.
 */
function createOriginMap(stack: StackModel, actual: Endpoints): (text: string) => string {
  const declared = (variable: string) =>
    originOf(stack.functions.find(({ environment }) => variable in environment)?.environment[variable]);
  const pairs = [
    [declared('QUEUE_URL'), actual.aws],
    [declared('WEBHOOK_URL'), actual.api],
    [declared('REPLICATE_API_URL'), actual.replicate],
    // Where a deployed page reads objects from.
    ...stack.buckets.map(({ name }) => [`https://${name}.s3.${stack.region}.amazonaws.com`, actual.aws]),
  ].filter((pair): pair is [string, string] => pair[0] !== undefined);
  const replacements = new Map(
    pairs.flatMap(([from, to]) => [
      [from, to] as const,
      [from.replace('//127.0.0.1:', '//localhost:'), to] as const,
    ]),
  );
  if (replacements.size === 0) return (text) => text;
  const pattern = new RegExp(
    [...replacements.keys()].map((origin) => `${literally(origin)}(?!\\d)`).join('|'),
    'g',
  );
  // In one pass, because an actual address may equal the declared address of another service.
  return (text) => text.replace(pattern, (origin) => replacements.get(origin) ?? origin);
}

/** The stack with this machine's addresses: in environments, CORS origins and the page's headers. */
export function localStack(stack: StackModel, actual: Endpoints): StackModel {
  const replace = createOriginMap(stack, actual);
  const replaced = (texts: Record<string, string>) =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, replace(text)]));
  return {
    ...stack,
    functions: stack.functions.map((model) => ({ ...model, environment: replaced(model.environment) })),
    buckets: stack.buckets.map((bucket) => ({ ...bucket, corsOrigins: bucket.corsOrigins.map(replace) })),
    siteHeaders: replaced(stack.siteHeaders),
  };
}
