import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { CommandError, EXIT } from './exit.ts';

type Environment = Record<string, string | undefined>;

/** What may stand in the configuration file. */
const File = v.strictObject({
  url: v.optional(v.string()),
  token: v.optional(v.string()),
  stage: v.optional(v.string()),
  region: v.optional(v.string()),
});
type FileSettings = v.InferOutput<typeof File>;

/** Where an audit is sent, and as whom. */
export interface ApiSettings {
  /** Origin of the API, without a slash at the end. */
  url: string;
  token: string;
}

/** Which deployment an operator works on. */
export interface CloudSettings {
  local: boolean;
  stage: string;
  region: string;
  /** Where AWS is, if not at its usual addresses. */
  endpoint: string | undefined;
}

export interface ApiFlags {
  url?: string;
  token?: string;
  config?: string;
}
export interface CloudFlags {
  local?: boolean;
  stage?: string;
  region?: string;
  config?: string;
}

const LOCAL_URL = 'http://localhost:3000';
const LOCAL_AWS = 'http://127.0.0.1:4566';
const LOCAL_STAGE = 'local';
const DEFAULT_REGION = 'eu-central-1';
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const STAGE = /^[a-z][a-z0-9-]{0,19}$/;

/** The file that is read where neither `--config` nor `WEAUDIT_CONFIG` names one. */
export const defaultFile = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'weaudit.json');

/** A file that somebody named has to be there; the default one need not. */
function readFile(named: string | undefined, env: Environment): FileSettings {
  const explicit = named ?? env.WEAUDIT_CONFIG;
  const path = explicit || defaultFile(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!explicit && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CommandError(
      EXIT.usage,
      `The configuration file ${path} cannot be read: ${(error as Error).message}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      `The configuration file ${path} is not JSON: ${(error as Error).message}`,
    );
  }
  const parsed = v.safeParse(File, json);
  if (parsed.success) return parsed.output;
  throw new CommandError(
    EXIT.usage,
    `The configuration file ${path} may hold "url", "token", "stage" and "region", each a text. ${parsed.issues[0].message}`,
  );
}

/**
 * Where the API is and which token opens it: flag, then environment (`WEAUDIT_URL`, `WEAUDIT_TOKEN`), then file,
 * then `npm start` on this machine.
 * @throws {CommandError} where something is missing or no address
 */
export function apiSettings(flags: ApiFlags, env: Environment): ApiSettings {
  const file = readFile(flags.config, env);
  const text = flags.url ?? (env.WEAUDIT_URL || file.url || LOCAL_URL);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CommandError(
      EXIT.usage,
      `"${text}" is no address. Give one such as https://audits.example.org with --url.`,
    );
  const onThisMachine = LOOPBACK.includes(url.hostname);
  if (url.protocol === 'http:' && !onThisMachine)
    throw new CommandError(
      EXIT.usage,
      `${url.origin} is not encrypted, and the token would travel in the clear. Use https.`,
    );
  const token = flags.token ?? (env.WEAUDIT_TOKEN || file.token || (onThisMachine ? 'local' : undefined));
  if (!token)
    throw new CommandError(
      EXIT.usage,
      `${url.origin} needs an API token. Set WEAUDIT_TOKEN, or "token" in ${defaultFile(env)}. An operator can make one with "npx weaudit setup".`,
    );
  return { url: url.origin, token };
}

/**
 * Which deployment: `--local`, or the stage by flag, environment (`WEAUDIT_STAGE`, `AWS_REGION`), file. There is no
 * default stage: an operator says which one is meant.
 */
export function cloudSettings(flags: CloudFlags, env: Environment): CloudSettings {
  const file = readFile(flags.config, env);
  const stage = flags.local ? LOCAL_STAGE : (flags.stage ?? (env.WEAUDIT_STAGE || file.stage));
  if (!stage)
    throw new CommandError(
      EXIT.usage,
      'Say which deployment is meant: --stage <name>, or --local for the one of "npm start".',
    );
  if (!STAGE.test(stage))
    throw new CommandError(
      EXIT.usage,
      `"${stage}" is no stage: a letter, then up to 19 lower-case letters, digits or -.`,
    );
  const local = stage === LOCAL_STAGE;
  return {
    local,
    stage,
    region: flags.region ?? ((!local && env.AWS_REGION) || file.region || DEFAULT_REGION),
    endpoint: local ? env.AWS_ENDPOINT_URL || LOCAL_AWS : undefined,
  };
}
