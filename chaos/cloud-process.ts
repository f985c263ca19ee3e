/**
 * A local cloud in a process of its own, so that it can be killed without warning and its memory can be measured. Takes `CloudProcessOptions` as JSON and prints its addresses as JSON.
 */
import { startCloud } from '../local/cloud.ts';
import type { CloudProcessOptions } from './spawn-cloud.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as CloudProcessOptions;
const cloud = await startCloud({
  dataDir: options.dataDir,
  ports: options.ports ?? {},
  predictionSeconds: options.predictionSeconds,
  warn: () => {},
  amend(stack) {
    for (const model of stack.functions) {
      Object.assign(
        model.environment,
        Object.fromEntries(Object.entries(options.environment).filter(([name]) => name in model.environment)),
      );
      if (stack.queueSources.some(({ functionKey }) => functionKey === model.key))
        model.timeoutSeconds = options.turnSeconds;
    }
    for (const queue of stack.queues) if (queue.redrive) queue.visibilitySeconds = options.turnSeconds + 1;
    for (const schedule of stack.schedules) schedule.everySeconds = options.reconcileSeconds;
    return stack;
  },
});
console.log(JSON.stringify(cloud.endpoints));
