import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { FunctionLog } from './log.ts';
import type {
  ChildMessage,
  FunctionError,
  InvocationResult,
  InvokeMessage,
  InvokeOptions,
  Used,
} from './model.ts';

const BOOTSTRAP = path.join(import.meta.dirname, 'bootstrap.js');
/** Lambda's limit for the response of a synchronous invocation. */
const MAX_RESPONSE_BYTES = 6 * 1024 * 1024;
/** Of a process that ended before it could report. */
const UNKNOWN: Used = { maxMemoryMb: 0, processorMs: 0 };
/** Lambda gives a function 10 s to load. This only ends what hangs: a busy machine may need longer. */
const INIT_LIMIT_MS = 60_000;

export interface PoolOptions {
  name: string;
  arn: string;
  /** Absolute path of the bundle, and the name it exports the handler under. */
  bundle: string;
  handlerName: string;
  memorySize: number;
  timeoutSeconds: number;
  environment: Record<string, string>;
  /** What the environment of a new process has beside that. */
  ownEnvironment(): Record<string, string>;
  /** Most processes at once; further events wait for one of them. */
  maxProcesses: number;
  /** An unused process ends after this time. */
  idleMs: number;
  log: FunctionLog;
}

interface Job {
  requestId: string;
  event: string;
  trace: string | undefined;
  settle(result: InvocationResult): void;
  abandon(error: Error): void;
}

interface Running {
  job: Job;
  startedAt: number;
  deadline: NodeJS.Timeout;
}

interface Worker {
  process: ChildProcess;
  ready: boolean;
  /** Being killed: gets no further event. */
  ending: boolean;
  initMs: number | undefined;
  current: Running | undefined;
  idle: NodeJS.Timeout | undefined;
  exited: Promise<void>;
}

/**
 * Runs one function in processes of its own, one event at a time in each, as Lambda does: a process is reused while it
 * is warm, killed when the time limit has passed, and replaced after a crash.
 */
export function openFunctionPool(options: PoolOptions) {
  const { log } = options;
  const waiting: Job[] = [];
  const workers = new Set<Worker>();
  let stopped = false;

  function report(worker: Worker, running: Running, { maxMemoryMb, processorMs }: Used) {
    const durationMs = performance.now() - running.startedAt;
    const initMs = worker.initMs;
    // As Lambda's line, and the processor time, which Lambda does not report.
    worker.initMs = undefined;
    log.write(
      `REPORT RequestId: ${running.job.requestId}\tDuration: ${durationMs.toFixed(2)} ms\tMemory Size: ${options.memorySize} MB\t` +
        `Max Memory Used: ${maxMemoryMb} MB\tProcessor Time: ${processorMs.toFixed(2)} ms${initMs === undefined ? '' : `\tInit Duration: ${initMs.toFixed(2)} ms`}`,
    );
    return {
      requestId: running.job.requestId,
      durationMs,
      maxMemoryMb,
      processorMs,
      ...(initMs === undefined ? {} : { initMs }),
    };
  }

  function end(worker: Worker): void {
    worker.ending = true;
    worker.process.kill('SIGKILL');
  }

  /** Ends the worker's current event, if it has one. */
  function finish(worker: Worker, outcome: { payload: string } | { error: FunctionError }, used: Used): void {
    const running = worker.current;
    if (running === undefined) return;
    worker.current = undefined;
    clearTimeout(running.deadline);
    const reported = report(worker, running, used);
    if ('error' in outcome) {
      running.job.settle({ ok: false, error: outcome.error, report: reported });
    } else if (Buffer.byteLength(outcome.payload) > MAX_RESPONSE_BYTES) {
      const error = {
        errorType: 'Function.ResponseSizeTooLarge',
        errorMessage: `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
      };
      running.job.settle({ ok: false, error, report: reported });
    } else {
      running.job.settle({ ok: true, payload: outcome.payload, report: reported });
    }
  }

  function timeOut(worker: Worker, requestId: string): void {
    const message = `${requestId} Task timed out after ${options.timeoutSeconds.toFixed(2)} seconds`;
    log.write(`${new Date().toISOString()} ${message}`);
    finish(
      worker,
      {
        error: {
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${options.timeoutSeconds.toFixed(2)} seconds`,
        },
      },
      UNKNOWN,
    );
    end(worker);
  }

  function begin(worker: Worker, job: Job): void {
    if (worker.idle !== undefined) clearTimeout(worker.idle);
    worker.idle = undefined;
    const limitMs = options.timeoutSeconds * 1000;
    worker.current = {
      job,
      startedAt: performance.now(),
      deadline: setTimeout(() => timeOut(worker, job.requestId), limitMs),
    };
    log.write(`START RequestId: ${job.requestId} Version: $LATEST`);
    const message: InvokeMessage = {
      requestId: job.requestId,
      event: job.event,
      deadline: Date.now() + limitMs,
      trace: job.trace,
    };
    worker.process.send(message, (error) => {
      // The process died between two events: its exit hands the job back as a crash.
      if (error !== null) end(worker);
    });
  }

  function rest(worker: Worker): void {
    const next = waiting.shift();
    if (next !== undefined) {
      begin(worker, next);
      return;
    }
    worker.idle = setTimeout(() => end(worker), options.idleMs);
    worker.idle.unref();
  }

  function start(): void {
    const child = fork(BOOTSTRAP, [options.bundle, options.handlerName, options.arn], {
      cwd: path.dirname(options.bundle),
      env: { ...options.environment, ...options.ownEnvironment() },
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const { promise: exited, resolve: markExited } = Promise.withResolvers<void>();
    const worker: Worker = {
      process: child,
      ready: false,
      ending: false,
      initMs: undefined,
      current: undefined,
      idle: undefined,
      exited,
    };
    workers.add(worker);
    const initLimit = setTimeout(() => end(worker), INIT_LIMIT_MS);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => log.write(line));
    }

    /** A process that cannot load fails the event it was started for, as on Lambda. */
    function failInit(error: FunctionError): void {
      clearTimeout(initLimit);
      const job = waiting.shift();
      job?.settle({ ok: false, error, report: { requestId: job.requestId, durationMs: 0, ...UNKNOWN } });
    }

    child.on('message', (raw) => {
      const message = raw as ChildMessage;
      if (message.kind === 'ready') {
        clearTimeout(initLimit);
        worker.ready = true;
        worker.initMs = message.initMs;
        rest(worker);
      } else if (message.kind === 'failedInit') {
        failInit(message.error);
        worker.ready = true;
        end(worker);
      } else if (worker.current?.job.requestId === message.requestId) {
        const outcome =
          message.error === undefined ? { payload: message.payload ?? 'null' } : { error: message.error };
        finish(worker, outcome, message);
        if (!worker.ending) rest(worker);
      }
    });
    child.on('error', () => end(worker));
    child.on('exit', (code, signal) => {
      clearTimeout(initLimit);
      if (worker.idle !== undefined) clearTimeout(worker.idle);
      workers.delete(worker);
      const how =
        signal === null ? `exit status ${code}` : `signal: ${signal === 'SIGKILL' ? 'killed' : signal}`;
      const errorType = 'Runtime.ExitError';
      const requestId = worker.current?.job.requestId ?? waiting[0]?.requestId ?? '';
      const error = {
        errorType,
        errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
      };
      if (worker.current !== undefined) finish(worker, { error }, UNKNOWN);
      else if (!worker.ready && !stopped) failInit(error);
      markExited();
      pump();
    });
  }

  /** Starts as many processes as there are waiting events without one, within the limit. */
  function pump(): void {
    if (stopped) return;
    const starting = [...workers].filter((worker) => !worker.ready).length;
    const room = options.maxProcesses - workers.size;
    for (let n = Math.min(waiting.length - starting, room); n > 0; n -= 1) start();
  }

  return {
    /** Runs the function on an event. Resolves also when the function fails; rejects only after `stop`. */
    invoke(
      event: unknown,
      { requestId = randomUUID(), trace }: InvokeOptions = {},
    ): Promise<InvocationResult> {
      if (stopped) return Promise.reject(new Error(`The function ${options.name} has been stopped.`));
      return new Promise((settle, abandon) => {
        waiting.push({ requestId, event: JSON.stringify(event), trace, settle, abandon });
        const idle = [...workers].find(
          (worker) => worker.ready && !worker.ending && worker.current === undefined,
        );
        if (idle === undefined) pump();
        else rest(idle);
      });
    },
    /** Kills every process that is handling an event, as a crash would; returns how many. */
    killBusy(): number {
      const busy = [...workers].filter((worker) => worker.current !== undefined);
      for (const worker of busy) end(worker);
      return busy.length;
    },
    /** Events being handled right now. */
    busy: () => [...workers].filter((worker) => worker.current !== undefined).length,
    async stop(): Promise<void> {
      stopped = true;
      const abandoned = waiting.splice(0);
      const running = [...workers];
      for (const worker of running) {
        if (worker.current !== undefined) {
          clearTimeout(worker.current.deadline);
          abandoned.push(worker.current.job);
          worker.current = undefined;
        }
        end(worker);
      }
      for (const job of abandoned) job.abandon(new Error(`The function ${options.name} has been stopped.`));
      await Promise.all(running.map((worker) => worker.exited));
      await log.close();
    },
  };
}
