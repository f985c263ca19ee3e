/** What Lambda reports about one invocation, apart from its result. */
export interface InvocationReport {
  requestId: string;
  durationMs: number;
  /** Time to load the function, on the first invocation of a process. */
  initMs?: number;
  /** Largest resident set of the process so far, in MB. */
  maxMemoryMb: number;
  /** Processor time of the event, in milliseconds. */
  processorMs: number;
}

/** As Lambda puts it into the payload of a failed invocation. */
export interface FunctionError {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

export type InvocationResult =
  | { ok: true; payload: string; report: InvocationReport }
  | { ok: false; error: FunctionError; report: InvocationReport };

/** Runs a function on one event. Resolves also when the function fails; rejects only when Lambda stops. */
export type Invoke = (
  functionKey: string,
  event: unknown,
  options?: InvokeOptions,
) => Promise<InvocationResult>;

export interface InvokeOptions {
  requestId?: string;
  /** The trace header of the invocation. */
  trace?: string;
}

/** Parent → child. The event travels as text, as it does on Lambda. */
export interface InvokeMessage {
  requestId: string;
  event: string;
  /** Milliseconds since 1970. */
  deadline: number;
  /** The trace header of the invocation, as `_X_AMZN_TRACE_ID`. */
  trace?: string | undefined;
}

/** What a process reports that it used for an event. */
export type Used = Pick<InvocationReport, 'maxMemoryMb' | 'processorMs'>;

/** Child → parent. */
export type ChildMessage =
  | { kind: 'ready'; initMs: number }
  | { kind: 'failedInit'; error: FunctionError }
  | ({ kind: 'result'; requestId: string; payload?: string; error?: FunctionError } & Used);
