import { Draw } from './draw.ts';
import type { Model } from './models.ts';
import type { Prediction, Status } from './prediction.ts';
import type { Secrets } from './spoken.ts';

const TERMINAL: readonly Status[] = ['succeeded', 'failed', 'canceled', 'aborted'];

export const isTerminal = ({ status }: Pick<Prediction, 'status'>): boolean => TERMINAL.includes(status);

/** ISO 8601 with nine digits of a second, as Replicate writes them; those past the third are made up. */
const precise = (milliseconds: number, id: string): string => {
  const digits = new Draw('nanoseconds', id, milliseconds).text(6, '123456789');
  return new Date(milliseconds).toISOString().replace('Z', `${digits}Z`);
};

/** Outputs are kept as paths, because the stand-in's own address can change with a restart. */
const withOrigin = (value: unknown, baseUrl: string): unknown => {
  if (typeof value === 'string') return value.startsWith('/outputs/') ? baseUrl + value : value;
  if (Array.isArray(value)) return value.map((one) => withOrigin(one, baseUrl));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withOrigin(one, baseUrl)]));
  return value;
};

/** The prediction as a webhook's body: no envelope, and without the keys that Replicate does not always send. */
export const webhookView = (
  prediction: Prediction,
  baseUrl: string,
  secrets: Secrets,
): Record<string, unknown> => ({
  id: prediction.id,
  model: prediction.model,
  version: prediction.version,
  input: prediction.input,
  logs: secrets.spell(prediction.id, prediction.logs),
  output: secrets.spell(prediction.id, withOrigin(prediction.output, baseUrl)),
  data_removed: prediction.removed,
  error: secrets.spell(prediction.id, prediction.error),
  status: prediction.status,
  created_at: precise(prediction.createdAt, prediction.id),
  ...(prediction.startedAt === null ? {} : { started_at: precise(prediction.startedAt, prediction.id) }),
  ...(prediction.completedAt === null
    ? {}
    : { completed_at: precise(prediction.completedAt, prediction.id) }),
  urls: {
    cancel: `${baseUrl}/v1/predictions/${prediction.id}/cancel`,
    get: `${baseUrl}/v1/predictions/${prediction.id}`,
    web: `${baseUrl}/p/${prediction.id}`,
  },
  metrics: prediction.metrics,
  ...(prediction.webhook === null ? {} : { webhook: prediction.webhook }),
});

/** The prediction as the API answers with it. */
export const predictionView = (
  prediction: Prediction,
  baseUrl: string,
  secrets: Secrets,
): Record<string, unknown> => ({
  ...webhookView(prediction, baseUrl, secrets),
  source: 'api',
  ...(prediction.deadline === null ? {} : { deadline: new Date(prediction.deadline).toISOString() }),
  ...(prediction.webhook === null ? {} : { webhook_events_filter: prediction.events }),
});

/** When the built-in models say that they were made. */
const MADE = Date.UTC(2025, 5, 1);
const DAY = 86_400_000;

/** @param id one of the model's versions */
export const versionView = (model: Model, id: string): Record<string, unknown> => ({
  id,
  created_at: new Date(MADE - model.versions.indexOf(id) * 30 * DAY).toISOString(),
  cog_version: '0.16.7',
  openapi_schema: model.schemaPublished
    ? {
        openapi: '3.0.2',
        info: { title: 'Cog', version: '0.1.0' },
        paths: {},
        components: { schemas: { Input: model.input, Output: model.output, ...model.components } },
      }
    : {},
});

export const modelView = (model: Model, baseUrl: string): Record<string, unknown> => ({
  url: `${baseUrl}/${model.owner}/${model.name}`,
  owner: model.owner,
  name: model.name,
  description: `Simulated. ${model.description}`,
  visibility: 'public',
  is_official: model.official,
  github_url: null,
  paper_url: null,
  license_url: null,
  run_count: 0,
  cover_image_url: null,
  default_example: null,
  latest_version: versionView(model, model.versions[0] as string),
});
