import type { Cloud } from '../../local/cloud.ts';
import type { World } from './world.ts';

/** Requests to S3 between two kills, and between two copies of messages, of all functions together. */
const BETWEEN_KILLS: [number, number] = [50, 350];
const BETWEEN_COPIES: [number, number] = [50, 350];

/**
 * From now on functions are killed in the middle of their work (SIGKILL, so that no `finally` runs), and messages of
 * the queues are delivered twice. Both come after a drawn number of requests. If they came after a drawn time,
 * a busy machine would be killed more often for the same work, until nothing finishes.
 */
export function startKilling(world: World, cloud: Cloud): void {
  const { chance, record } = world;
  const queues = cloud.stack.queueSources.map(({ queue }) => queue);
  const drawKill = () => chance.next('when kill', '').between(...BETWEEN_KILLS);
  const drawCopy = () => chance.next('when copy', '').between(...BETWEEN_COPIES);
  let untilKill = drawKill();
  let untilCopy = drawCopy();

  world.onRequest = (functionKey) => {
    if (--untilKill < 0) {
      untilKill = drawKill();
      const killed = cloud.killFunction(functionKey);
      for (let n = 0; n < killed; n++) record.add('function', 'killed', functionKey);
    }
    if (--untilCopy < 0) {
      untilCopy = drawCopy();
      const messages = queues.flatMap((queue) =>
        cloud.queues.peek(queue).map(({ body }) => ({ queue, body })),
      );
      if (messages.length === 0) return;
      const { queue, body } = chance.next('copy', '').pick(messages);
      cloud.queues.send(queue, body);
      record.add('queue', 'delivered twice', body);
    }
  };
}
