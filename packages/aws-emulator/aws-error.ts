/** An error of a service of AWS, except S3; SDKs make `type` the error's name. */
export class AwsError extends Error {
  readonly type: string;
  readonly status: number;
  /** The old query protocol's code, which the SQS clients read from a header. */
  readonly queryCode: string | undefined;

  constructor(type: string, message: string, options: { status?: number; queryCode?: string } = {}) {
    super(message);
    this.name = type;
    this.type = type;
    this.status = options.status ?? 400;
    this.queryCode = options.queryCode;
  }
}
