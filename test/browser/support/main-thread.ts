import type { Browser } from 'playwright-core';

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds of processor time. */
  tdur?: number;
  args: { name?: string };
}

/**
 * Traces the tasks of all pages' main threads. A page itself can only measure tasks by the clock, which includes the
 * time of other processes; the trace has the processor time of each task.
 * @returns a function that ends the trace and returns the longest task, in milliseconds of processor time
 */
export async function traceMainThreads(browser: Browser): Promise<() => Promise<number>> {
  const session = await browser.newBrowserCDPSession();
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel'] },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    await session.detach();
    const threads = new Set(
      events
        .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
        .map(({ pid, tid }) => `${pid}.${tid}`),
    );
    const tasks = events.filter(
      ({ name, ph, pid, tid }) => name.endsWith('RunTask') && ph === 'X' && threads.has(`${pid}.${tid}`),
    );
    const longest = Math.max(0, ...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
    if (longest === 0) throw new Error('The trace contains no processor time of a page.');
    return longest;
  };
}
