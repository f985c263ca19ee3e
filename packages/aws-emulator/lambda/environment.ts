import type { FunctionModel } from '../stack/model.ts';

export interface FunctionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
}

function memoryOptions(memorySize: number): string {
  // The shares that AWS's own Node.js images give to V8: a tenth for the young generation, the rest for the old one.
  const young = Math.floor(memorySize / 10);
  return `--max-semi-space-size=${Math.floor(young / 2)} --max-old-space-size=${memorySize - young}`;
}

/**
 * The whole environment of a function's process: what the stack declares, its role's credentials, and Lambda's variables.
 * It contains nothing of the developer's shell, so AWS_PROFILE or REPLICATE_API_TOKEN cannot change what a function does.
 */
export function functionEnvironment(
  model: FunctionModel,
  region: string,
  endpoint: string,
  credentials: FunctionCredentials,
): Record<string, string> {
  const declaredOptions = model.environment.NODE_OPTIONS ?? '';
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_LAMBDA_FUNCTION_NAME: model.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(model.memorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${model.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    _HANDLER: model.handler,
    ...model.environment,
    AWS_ENDPOINT_URL: endpoint,
    // Later options win in NODE_OPTIONS, so that a function may set its own.
    NODE_OPTIONS: `${memoryOptions(model.memorySize)} ${declaredOptions}`.trim(),
  };
}
