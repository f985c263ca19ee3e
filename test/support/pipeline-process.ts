/** The pipeline on one machine in a process of its own, so that a test can kill it without warning. Prints its addresses as JSON. */
import { startCloud } from '../../local/cloud.ts';

const [dataDir = '', ports = '{}'] = process.argv.slice(2);
const cloud = await startCloud({
  dataDir,
  ports: JSON.parse(ports),
  predictionSeconds: 0.5,
  retryDelaysMs: [200, 400],
  warn: () => {},
  amend(stack) {
    for (const { environment } of stack.functions) {
      if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '900';
      if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '3';
      if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '3';
    }
    for (const model of stack.functions) if (model.key === 'dispatch') model.timeoutSeconds = 10;
    for (const schedule of stack.schedules) schedule.everySeconds = 1;
    return stack;
  },
});
console.log(JSON.stringify(cloud.endpoints));
