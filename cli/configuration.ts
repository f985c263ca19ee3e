import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { CommandError, EXIT, fileFault } from './exit.ts';

type Environment = Record<string, string | undefined>;

/** The configuration file. */
const File = v.strictObject({
  url: v.optional(v.string()),
  token: v.optional(v.string()),
  stage: v.optional(v.string()),
  region: v.optional(v.string()),
});
type FileSettings = v.InferOutput<typeof File>;

/** The address of the API and the token for it. */
export interface ApiSettings {
  /** Origin of the API, without a trailing slash. */
  url: string;
  token: string;
}

/** The deployment that an operator works on. */
export interface CloudSettings {
  local: boolean;
  stage: string;
  region: string;
  /** Address of AWS's services; undefined for AWS itself. */
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

/** The configuration file if neither `--config` nor `WEAUDIT_CONFIG` names one. */
export const defaultFile = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'weaudit.json');

/** Reads the configuration file. @throws {CommandError} if it is invalid, or was named and is missing */
function readFile(named: string | undefined, env: Environment): FileSettings {
  const explicit = named ?? env.WEAUDIT_CONFIG;
  const path = explicit || defaultFile(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!explicit && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CommandError(EXIT.usage, `The configuration file ${path} cannot be read: ${fileFault(error)}.`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      `The configuration file ${path} is not valid JSON: ${(error as Error).message}`,
    );
  }
  const parsed = v.safeParse(File, json);
  if (parsed.success) return parsed.output;
  const { expected, received } = parsed.issues[0];
  throw new CommandError(
    EXIT.usage,
    `The configuration file ${path} is not valid: ${expected === 'never' ? `unknown key ${received}` : `expected ${expected}, got ${received}`}. It may contain "url", "token", "stage" and "region", each a string.`,
  );
}

/**
 * The address of the API and the token, each from the first of: flag, environment (`WEAUDIT_URL`, `WEAUDIT_TOKEN`), file,
 * the local cloud.
 * @throws {CommandError} if the address is invalid or unencrypted, or the token is missing
 */
export function apiSettings(flags: ApiFlags, env: Environment): ApiSettings {
  const file = readFile(flags.config, env);
  const text = flags.url ?? (env.WEAUDIT_URL || file.url || LOCAL_URL);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CommandError(
      EXIT.usage,
      `"${text}" is not an address of the API. Pass one such as https://audits.example.org with --url.`,
    );
  const onThisMachine = LOOPBACK.includes(url.hostname);
  if (url.protocol === 'http:' && !onThisMachine)
    throw new CommandError(
      EXIT.usage,
      `${url.origin} is not encrypted: the token would be sent as plain text. Use https.`,
    );
  const token = flags.token ?? (env.WEAUDIT_TOKEN || file.token || (onThisMachine ? 'local' : undefined));
  if (!token)
    throw new CommandError(
      EXIT.usage,
      `${url.origin} needs an API token. Set WEAUDIT_TOKEN, or "token" in ${defaultFile(env)}. An operator creates tokens with "npx weaudit setup --new-token <name>".`,
    );
  return { url: url.origin, token };
}

/**
 * The deployment: `--local`, or the stage from the first of flag, environment (`WEAUDIT_STAGE`) and file. There is no
 * default stage, so that no command changes a deployment by accident.
 * @throws {CommandError} if no stage is given, or its name is invalid
 */
export function cloudSettings(flags: CloudFlags, env: Environment): CloudSettings {
  const file = readFile(flags.config, env);
  const stage = flags.local ? LOCAL_STAGE : (flags.stage ?? (env.WEAUDIT_STAGE || file.stage));
  if (!stage)
    throw new CommandError(
      EXIT.usage,
      'No deployment given. Choose one with --stage <name>, or --local for the local cloud of "npm start".',
    );
  if (!STAGE.test(stage))
    throw new CommandError(
      EXIT.usage,
      `"${stage}" is not a valid stage. Use a lower-case letter, then up to 19 lower-case letters, digits or hyphens.`,
    );
  const local = stage === LOCAL_STAGE;
  return {
    local,
    stage,
    region: flags.region ?? ((!local && env.AWS_REGION) || file.region || DEFAULT_REGION),
    endpoint: local ? env.AWS_ENDPOINT_URL || LOCAL_AWS : undefined,
  };
}
