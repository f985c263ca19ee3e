import { CommandError, EXIT } from '../exit.ts';

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

export const isMissing = (error: unknown): boolean => statusOf(error) === 404;
export const isForbidden = (error: unknown): boolean => statusOf(error) === 403;
export const isConflict = (error: unknown): boolean => statusOf(error) === 412;

const UNREACHABLE = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'TimeoutError'];

/** What an operator can do about an error of AWS's SDK; undefined for what nobody foresaw. */
export function explainAwsError(error: unknown): CommandError | undefined {
  const {
    name = '',
    message = '',
    code = '',
  } = (error ?? {}) as { name?: string; message?: string; code?: string };
  if (name === 'CredentialsProviderError' || /credential/i.test(name))
    return new CommandError(
      EXIT.usage,
      `There are no AWS credentials that work: ${message} Set AWS_PROFILE, or log in again. For the cloud of "npm start" give --local.`,
    );
  if (UNREACHABLE.includes(code) || UNREACHABLE.includes(name))
    return new CommandError(
      EXIT.unavailable,
      `AWS cannot be reached (${code || name}). With --local: is "npm start" running?`,
    );
  if (/QueueDoesNotExist|NonExistentQueue|NoSuchBucket/.test(name))
    return new CommandError(
      EXIT.refused,
      `This stage is not deployed here (${name}). Are --stage and --region right?`,
    );
  if (isForbidden(error))
    return new CommandError(EXIT.refused, `AWS does not allow this (${name}): ${message}`);
  return undefined;
}
