import { CommandError, EXIT } from '../exit.ts';

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

export const isMissing = (error: unknown): boolean => statusOf(error) === 404;
export const isForbidden = (error: unknown): boolean => statusOf(error) === 403;
export const isConflict = (error: unknown): boolean => statusOf(error) === 412;

const UNREACHABLE = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'TimeoutError'];

/** Explains an error of AWS's SDK and what to do about it; undefined for unknown errors. */
export function explainAwsError(error: unknown): CommandError | undefined {
  const {
    name = '',
    message = '',
    code = '',
  } = (error ?? {}) as { name?: string; message?: string; code?: string };
  if (name === 'CredentialsProviderError' || /credential/i.test(name))
    return new CommandError(
      EXIT.usage,
      `No valid AWS credentials: ${message} Set AWS_PROFILE or log in again. For the local cloud of "npm start", pass --local.`,
    );
  if (UNREACHABLE.includes(code) || UNREACHABLE.includes(name))
    return new CommandError(
      EXIT.unavailable,
      `AWS cannot be reached (${code || name}). Check the network; with --local, check that "npm start" is running.`,
    );
  if (/QueueDoesNotExist|NonExistentQueue|NoSuchBucket/.test(name))
    return new CommandError(
      EXIT.refused,
      `The stage is not deployed in this account and region (${name}). Check --stage, --region and AWS_PROFILE.`,
    );
  if (isForbidden(error))
    return new CommandError(
      EXIT.refused,
      `AWS denied access (${name}): ${message} Use credentials that allow this call.`,
    );
  return undefined;
}
