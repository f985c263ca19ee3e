/**
 * Runs inside a function's own process: loads the handler once, then handles one event at a time, as Lambda's runtime
 * does. The pool starts it with paths as arguments and nothing of the developer's environment; the messages are those
 * of model.ts. Plain JavaScript, because stripping types would cost every new process 50 ms.
 */
import { createRequire } from 'node:module';

const started = performance.now();
const [bundle = '', handlerName = 'handler', functionArn = ''] = process.argv.slice(2);

function send(message) {
  // Without the parent, this message has no receiver.
  if (process.connected) process.send(message);
}

function describe(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: 'Error', errorMessage: String(error) };
}

function contextOf({ requestId, deadline }) {
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function handle(handler, message) {
  const before = processorMs();
  const used = () => ({
    maxMemoryMb: Math.ceil(process.resourceUsage().maxRSS / 1024),
    processorMs: processorMs() - before,
  });
  const { requestId, trace } = message;
  // The SDK sends it along with every request.
  if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = trace;
  try {
    const result = await handler(JSON.parse(message.event), contextOf(message));
    send({
      kind: 'result',
      requestId,
      payload: JSON.stringify(result) ?? 'null',
      ...used(),
    });
  } catch (error) {
    const described = describe(error);
    // Lambda writes what a function throws into its log.
    console.error(JSON.stringify({ level: 'ERROR', message: 'Invoke Error', requestId, ...described }));
    send({ kind: 'result', requestId, error: described, ...used() });
  }
}

process.on('disconnect', () => process.exit(0));

// Ctrl-C reaches the whole process group, but the parent decides when a function ends.
process.on('SIGINT', () => {});

try {
  const handler = createRequire(import.meta.url)(bundle)[handlerName];
  if (typeof handler !== 'function') throw new Error(`${bundle} exports no function named ${handlerName}.`);
  process.on('message', (message) => void handle(handler, message));
  send({ kind: 'ready', initMs: performance.now() - started });
} catch (error) {
  const described = describe(error);
  console.error(JSON.stringify({ level: 'ERROR', message: 'Init Error', ...described }));
  send({ kind: 'failedInit', error: described });
}
