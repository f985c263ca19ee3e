/** One invalid input. */
export interface InvalidField {
  type: string;
  /** Dotted path, `(root)` for the body itself. */
  field: string;
  description: string;
}

export interface ProblemBody {
  title?: string;
  detail: string;
  status: number;
  invalid_fields?: InvalidField[];
  /** Seconds. */
  retry_after?: number;
}

/** An answer other than success, as Replicate words it. */
export class Problem extends Error {
  override name = 'Problem';
  readonly body: ProblemBody;

  constructor(body: ProblemBody) {
    super(body.detail);
    this.body = body;
  }
}

export const unauthenticated = (): Problem =>
  new Problem({
    title: 'Unauthenticated',
    detail: 'You did not pass a valid authentication token',
    status: 401,
  });

export const insufficientCredit = (): Problem =>
  new Problem({
    title: 'Insufficient credit',
    detail:
      'You have insufficient credit to run this model. Buy credit, wait a few minutes, and try again. (Simulated.)',
    status: 402,
  });

export const notFound = (): Problem =>
  new Problem({ detail: 'The requested resource could not be found.', status: 404 });

export const invalidVersion = (): Problem =>
  new Problem({
    title: 'Invalid version or not permitted',
    detail: "The specified version does not exist (or perhaps you don't have permission to use it?)",
    status: 422,
  });

/** 422 that lists every invalid field, in words and as data. */
export const invalidInput = (fields: InvalidField[]): Problem =>
  new Problem({
    title: 'Input validation failed',
    detail: fields.map(({ field, description }) => `- ${field}: ${description}\n`).join(''),
    status: 422,
    invalid_fields: fields,
  });

/** @param seconds until a request is let through again, rounded up */
export const throttled = (limit: string, seconds: number): Problem =>
  new Problem({
    detail: `Request was throttled. ${limit} Your rate limit resets in ~${seconds}s.`,
    status: 429,
    retry_after: seconds,
  });
