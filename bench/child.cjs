/**
 * Loads one bundle and handles events with it, as Lambda's runtime does, and measures both. Plain CommonJS: what
 * this file loads itself would be missing from what the bundle takes. The answer goes to file descriptor 3.
 */
const { readFileSync, writeSync } = require('node:fs');

const job = JSON.parse(readFileSync(0, 'utf8'));
/** Linux keeps the parent's largest resident set in `maxRSS` of a new child; this process's own is its `VmHWM`. */
function peakMb() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const context = { awsRequestId: 'bench', functionName: 'webhook', getRemainingTimeInMillis: () => 29_000 };

async function main() {
  const start = performance.now();
  const { handler } = job.bundle.endsWith('.mjs') ? await import(job.bundle) : require(job.bundle);
  const initMs = performance.now() - start;
  const answer = { initMs, rssMb: process.memoryUsage.rss() / 2 ** 20, peakMb: peakMb(), events: [] };
  for (const event of job.events) {
    const cpu = cpuMs();
    const begin = performance.now();
    const result = await handler(event, context);
    answer.events.push({ ms: performance.now() - begin, cpuMs: cpuMs() - cpu, peakMb: peakMb(), result });
  }
  return answer;
}

main().then(
  (answer) => writeSync(3, `${JSON.stringify(answer)}\n`),
  (error) => writeSync(3, `${JSON.stringify({ error: String(error?.stack ?? error) })}\n`),
);
