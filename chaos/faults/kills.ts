import type { Cloud } from '../../local/cloud.ts';
import type { World } from './world.ts';

const FUNCTIONS = ['webhook', 'dispatch', 'tag', 'backup', 'metrics', 'api', 'reconcile'];
/** Milliseconds between two of them. */
const BETWEEN_KILLS: [number, number] = [400, 4_000];
const BETWEEN_COPIES: [number, number] = [800, 4_000];

/**
 * From now on functions are killed in the middle of their work (SIGKILL, so that no `finally` runs), and messages of
 * the queue of cells are delivered twice.
 * @returns ends it
 */
export function startKilling(world: World, cloud: Cloud): () => void {
  const { chance, record } = world;
  const queue = cloud.stack.queueSources.find(({ functionKey }) => functionKey === 'dispatch')?.queue ?? '';
  const timers = new Set<NodeJS.Timeout>();

  function repeat(name: string, [from, to]: [number, number], work: () => void): void {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        if (world.on) work();
        repeat(name, [from, to], work);
      },
      chance.next(`when ${name}`, '').between(from, to),
    );
    timers.add(timer);
  }

  repeat('kill', BETWEEN_KILLS, () => {
    const victim = chance.next('kill', '').pick(FUNCTIONS);
    const killed = cloud.killFunction(victim);
    for (let n = 0; n < killed; n++) record.add('function', 'killed', victim);
  });
  repeat('copy', BETWEEN_COPIES, () => {
    const messages = cloud.queues.peek(queue);
    if (messages.length === 0) return;
    const { body } = chance.next('copy', '').pick(messages);
    cloud.queues.send(queue, body);
    record.add('queue', 'delivered twice', body);
  });

  return () => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };
}
