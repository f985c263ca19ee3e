import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import type { HttpResponse } from '../http/problem.ts';
import { type ServeDeps, serve } from '../http/serve.ts';
import { planKeeper } from '../records/plan.ts';
import { type Environment, listSetting, numberSetting } from '../settings.ts';

export type ApiPorts = Omit<ServeDeps, 'readPlan' | 'models' | 'retentionDays'>;

/** The HTTP API. */
export function createApi(ports: ApiPorts, env: Environment) {
  const deps: ServeDeps = {
    ...ports,
    readPlan: planKeeper()(ports.store),
    models: listSetting(env, 'METRICS_MODELS'),
    retentionDays: {
      short: numberSetting(env, 'SHORT_DAYS'),
      standard: numberSetting(env, 'STANDARD_DAYS'),
    },
  };

  return (event: APIGatewayProxyEventV2, context: Pick<Context, 'awsRequestId'>): Promise<HttpResponse> => {
    ports.log.resetKeys();
    return serve(deps, event, context);
  };
}
