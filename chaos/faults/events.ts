import { strike } from '../chance.ts';
import { later, type World } from './world.ts';

/** Percent of the S3 events. Later events overtake delayed ones. */
const SHARES = { delayed: 12, doubled: 6, 'doubled, late': 4 };

type Put = (event: unknown) => void;

/** S3 events that come late, twice, and out of order. */
export function eventFaults(world: World): (event: unknown, put: Put) => void {
  const { chance, record } = world;
  return (event, put) => {
    const { 'detail-type': type, detail } = event as {
      'detail-type': string;
      detail: { object: { key: string } };
    };
    const { key } = detail.object;
    const draw = chance.next('event', `${type} ${key.replace(/[0-9a-z]{26}/, '-')}`);
    const kind = world.on ? strike(draw, SHARES) : undefined;
    const soon = 200 + draw.unit() * 4_000;
    if (kind !== undefined) record.add('event', kind, key);
    if (kind === 'delayed') return later(world, soon, () => put(event));
    put(event);
    if (kind === 'doubled') put(event);
    if (kind === 'doubled, late') later(world, soon, () => put(event));
  };
}
