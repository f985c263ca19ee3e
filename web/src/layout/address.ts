import {
  type Arrangement,
  arrange,
  type DimensionId,
  defaultArrangement,
  dimensionOf,
  type Pin,
  pinnable,
  type Space,
} from '../model/axes.ts';

/** One image of a prediction. */
export interface ImageRef {
  n: number;
  index: number;
}

export type TileSize = 's' | 'm' | 'l';

/** Everything that is chosen on an audit's page. The address holds it, so that a colleague sees the same. */
export interface View {
  arrangement: Arrangement;
  size: TileSize;
  /** Whether a cell shows one sample at a time, to be stepped through. */
  oneByOne: boolean;
  /** The cell whose wall is open. */
  wall: { row: number; column: number } | undefined;
  /** The image in the large view. */
  large: ImageRef | undefined;
  /** Images selected for comparison, two at most. */
  pair: ImageRef[];
  /** Whether the two are shown side by side. */
  comparing: boolean;
}

const SIZES: TileSize[] = ['s', 'm', 'l'];

/** Samples and prompts are written as numbers from 1; factors and models by name, which says more. */
const byNumber = (id: DimensionId) => id === 'sample' || id === 'prompt';

function readPin(space: Space, id: DimensionId, text: string | null): Pin | undefined {
  if (text === null) return undefined;
  if (text === '*') return 'all';
  const at = byNumber(id) ? Number(text) - 1 : dimensionOf(space, id).values.indexOf(text);
  return Number.isInteger(at) && at >= 0 ? at : undefined;
}

const readRef = (text: string | undefined, cells: number): ImageRef | undefined => {
  const [, n, index] = /^(\d{1,5})\.(\d{1,3})$/.exec(text ?? '') ?? [];
  return n !== undefined && Number(n) < cells ? { n: Number(n), index: Number(index) } : undefined;
};

const writeRef = ({ n, index }: ImageRef) => `${n}.${index}`;

/** Reads a view from an address. Anything that the audit does not have is replaced by the default. */
export function readView(query: URLSearchParams, space: Space): View {
  const start = defaultArrangement(space);
  const dimension = (name: string, otherwise: DimensionId) =>
    space.dimensions.find(({ id }) => id === query.get(name))?.id ?? otherwise;
  const pins = Object.fromEntries(
    space.dimensions.flatMap(({ id }) => {
      const pin = readPin(space, id, query.get(`pin.${id}`));
      return pin === undefined ? [] : [[id, pin]];
    }),
  );
  const arrangement = arrange(
    space,
    dimension('rows', start.rows),
    dimension('columns', start.columns),
    pins,
  );
  const size = SIZES.find((known) => known === query.get('size')) ?? 'm';
  const [, row, column] = /^(\d{1,4})\.(\d{1,4})$/.exec(query.get('wall') ?? '') ?? [];
  const inside =
    row !== undefined &&
    Number(row) < dimensionOf(space, arrangement.rows).values.length &&
    Number(column) < dimensionOf(space, arrangement.columns).values.length;
  const pair = (query.get('pair') ?? '')
    .split('-')
    .flatMap((text) => readRef(text, space.plan.cells) ?? [])
    .slice(0, 2);
  return {
    arrangement,
    size,
    oneByOne: query.get('samples') === 'one',
    wall: inside ? { row: Number(row), column: Number(column) } : undefined,
    large: readRef(query.get('image') ?? undefined, space.plan.cells),
    pair,
    comparing: query.has('compare') && pair.length === 2,
  };
}

/** Writes a view into an address. Defaults are left out, so that most addresses are short. */
export function writeView(view: View, space: Space): URLSearchParams {
  const start = defaultArrangement(space);
  const { rows, columns, pins } = view.arrangement;
  const query = new URLSearchParams({ id: space.plan.id });
  if (rows !== start.rows || columns !== start.columns) {
    query.set('rows', rows);
    query.set('columns', columns);
  }
  for (const { id, values } of pinnable(space, rows, columns)) {
    const pin = pins[id];
    if (pin === undefined || pin === arrange(space, rows, columns, {}).pins[id]) continue;
    query.set(`pin.${id}`, pin === 'all' ? '*' : byNumber(id) ? String(pin + 1) : values[pin]!);
  }
  if (view.size !== 'm') query.set('size', view.size);
  if (view.oneByOne) query.set('samples', 'one');
  if (view.wall) query.set('wall', `${view.wall.row}.${view.wall.column}`);
  if (view.large) query.set('image', writeRef(view.large));
  if (view.pair.length > 0) query.set('pair', view.pair.map(writeRef).join('-'));
  if (view.comparing) query.set('compare', '1');
  return query;
}
