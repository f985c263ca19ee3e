import { createHash, randomBytes } from 'node:crypto';
import type { FunctionModel } from '../stack/model.ts';

/** "Lambda stops the next invocation if the same chain of requests has invoked a function about 16 times." */
const MOST_PASSES = 16;

const idOf = (arn: string) => createHash('sha256').update(arn).digest('hex').slice(0, 8);

/** How often a chain has passed through each function, by what its trace header says: `Root=…;Lineage=a87bd80c:1|68fd508a:5`. */
function passesIn(trace = ''): Map<string, number> {
  const lineage = /(?:^|;)Lineage=([^;]*)/.exec(trace)?.[1] ?? '';
  return new Map(
    [...lineage.matchAll(/([0-9a-f]{8}):(\d+)/g)].map(([, id, passes]) => [id!, Number(passes)]),
  );
}

/**
 * The trace header that an invocation runs with. The SDK sends it along with what the function sends, so that it comes
 * back with the messages that follow.
 * @param trace the header that came with the message
 */
export function traceThrough(trace: string | undefined, { arn }: Pick<FunctionModel, 'arn'>): string {
  const passes = passesIn(trace);
  passes.set(idOf(arn), (passes.get(idOf(arn)) ?? 0) + 1);
  const root = /(?:^|;)(Root=[^;]+)/.exec(trace ?? '')?.[1] ?? newRoot();
  const lineage = [...passes].map(([id, count]) => `${id}:${count}`).join('|');
  return `${root};Parent=${randomBytes(8).toString('hex')};Sampled=0;Lineage=${lineage}`;
}

const newRoot = () =>
  `Root=1-${Math.floor(Date.now() / 1_000).toString(16)}-${randomBytes(12).toString('hex')}`;

/** Whether Lambda takes a message for one more turn of an endless loop, and does not invoke the function. */
export const isLoop = (
  trace: string | undefined,
  { arn, recursiveLoop }: Pick<FunctionModel, 'arn' | 'recursiveLoop'>,
): boolean => recursiveLoop === 'Terminate' && (passesIn(trace).get(idOf(arn)) ?? 0) >= MOST_PASSES;
