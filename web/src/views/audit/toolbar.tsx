import type { TileSize } from '../../layout/address.ts';
import {
  arrange,
  canCross,
  type Dimension,
  type DimensionId,
  dimensionOf,
  type Pin,
  pinnable,
  pivot,
} from '../../model/axes.ts';
import type { ViewProps } from './use-view.ts';

const SIZES: { value: TileSize; text: string }[] = [
  { value: 's', text: 'small' },
  { value: 'm', text: 'medium' },
  { value: 'l', text: 'large' },
];

/** Chooses rows and columns, the values of the other dimensions, and the size of tiles. */
export function Toolbar({ space, view, change }: ViewProps) {
  const { arrangement } = view;
  const { rows, columns, pins } = arrangement;
  const set = (nextRows: DimensionId, nextColumns: DimensionId, nextPins = pins) =>
    change({ arrangement: arrange(space, nextRows, nextColumns, nextPins) });
  const pinned = pinnable(space, rows, columns).filter(({ values }) => values.length > 1);
  const hasSamples = space.plan.samples > 1 && pins.sample === 'all';
  return (
    <form class="toolbar" aria-label="View of the grid" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Rows</span>
        <select value={rows} onChange={(event) => set(event.currentTarget.value as DimensionId, columns)}>
          {space.dimensions.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="swap"
        title="Swap rows and columns"
        aria-label="Swap rows and columns"
        onClick={() => change({ arrangement: pivot(space, arrangement) })}
      >
        ⇄
      </button>
      <label>
        <span>Columns</span>
        <select value={columns} onChange={(event) => set(rows, event.currentTarget.value as DimensionId)}>
          {space.dimensions
            .filter(({ id }) => canCross(rows, id))
            .map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
        </select>
      </label>
      {pinned.map((dimension) => (
        <PinChoice
          key={dimension.id}
          dimension={dimension}
          pin={pins[dimension.id] ?? 'all'}
          onChange={(pin) => set(rows, columns, { ...pins, [dimension.id]: pin })}
        />
      ))}
      {hasSamples && (
        <label>
          <span>In a cell</span>
          <select
            value={view.oneByOne ? 'one' : 'all'}
            onChange={(event) => change({ oneByOne: event.currentTarget.value === 'one' })}
          >
            <option value="all">all samples</option>
            <option value="one">one sample at a time</option>
          </select>
        </label>
      )}
      <label>
        <span>Size</span>
        <select
          value={view.size}
          onChange={(event) => change({ size: event.currentTarget.value as TileSize })}
        >
          {SIZES.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}

const MAX_LABEL = 80;
const shorten = (text: string) => (text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL)}…` : text);

function PinChoice({
  dimension,
  pin,
  onChange,
}: {
  dimension: Dimension;
  pin: Pin;
  onChange: (pin: Pin) => void;
}) {
  const { name, values } = dimension;
  const step = (by: number) =>
    onChange(((pin === 'all' ? (by > 0 ? -1 : 0) : pin) + by + values.length) % values.length);
  return (
    <div class="pin">
      <label>
        <span>{name}</span>
        <select
          value={String(pin)}
          onChange={(event) =>
            onChange(event.currentTarget.value === 'all' ? 'all' : Number(event.currentTarget.value))
          }
        >
          <option value="all">all</option>
          {values.map((value, i) => (
            <option key={value} value={String(i)}>
              {shorten(value)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-label={`Previous ${name}`} onClick={() => step(-1)}>
        ‹
      </button>
      <button type="button" aria-label={`Next ${name}`} onClick={() => step(1)}>
        ›
      </button>
    </div>
  );
}

/** The values of the pinned dimensions, in words. */
export function pinsInWords({ space, view }: Pick<ViewProps, 'space' | 'view'>): string {
  return pinnable(space, view.arrangement.rows, view.arrangement.columns)
    .flatMap(({ id, name, values }) => {
      const pin = view.arrangement.pins[id];
      return values.length > 1 && pin !== undefined && pin !== 'all'
        ? [`${name} ${dimensionOf(space, id).values[pin]}`]
        : [];
    })
    .join(' · ');
}
