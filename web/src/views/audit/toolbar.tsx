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
import { toolbarWords as words } from '../../words/audit.ts';
import type { ViewProps } from './use-view.ts';

const SIZES: TileSize[] = ['s', 'm', 'l'];

/** Chooses rows and columns, the values of the other dimensions, and the size of tiles. */
export function Toolbar({ space, view, change }: ViewProps) {
  const { arrangement } = view;
  const { rows, columns, pins } = arrangement;
  const set = (nextRows: DimensionId, nextColumns: DimensionId, nextPins = pins) =>
    change({ arrangement: arrange(space, nextRows, nextColumns, nextPins) });
  const pinned = pinnable(space, rows, columns).filter(({ values }) => values.length > 1);
  const hasSamples = space.plan.samples > 1 && pins.sample === 'all';
  return (
    <form class="toolbar" aria-label={words.label} onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>{words.rows}</span>
        <select value={rows} onChange={(event) => set(event.currentTarget.value as DimensionId, columns)}>
          {space.dimensions.map(({ id, name }) => (
            <option key={id} value={id} dir="auto">
              {name}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="swap"
        title={words.swap}
        aria-label={words.swap}
        onClick={() => change({ arrangement: pivot(space, arrangement) })}
      >
        ⇄
      </button>
      <label>
        <span>{words.columns}</span>
        <select value={columns} onChange={(event) => set(rows, event.currentTarget.value as DimensionId)}>
          {space.dimensions
            .filter(({ id }) => canCross(rows, id))
            .map(({ id, name }) => (
              <option key={id} value={id} dir="auto">
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
          <span>{words.inCell}</span>
          <select
            value={view.oneByOne ? 'one' : 'all'}
            onChange={(event) => change({ oneByOne: event.currentTarget.value === 'one' })}
          >
            <option value="all">{words.allSamples}</option>
            <option value="one">{words.oneByOne}</option>
          </select>
        </label>
      )}
      <label>
        <span>{words.size}</span>
        <select
          value={view.size}
          onChange={(event) => change({ size: event.currentTarget.value as TileSize })}
        >
          {SIZES.map((value) => (
            <option key={value} value={value}>
              {words.sizes[value]}
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
        <span dir="auto">{pin === 'all' ? name : words.oneOf(name, pin + 1, values.length)}</span>
        <select
          value={String(pin)}
          onChange={(event) =>
            onChange(event.currentTarget.value === 'all' ? 'all' : Number(event.currentTarget.value))
          }
        >
          <option value="all">{words.all}</option>
          {values.map((value, i) => (
            <option key={value} value={String(i)} dir="auto">
              {shorten(value)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-label={words.previous(name)} onClick={() => step(-1)}>
        ‹
      </button>
      <button type="button" aria-label={words.next(name)} onClick={() => step(1)}>
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
        ? [words.pinned(name, dimensionOf(space, id).values[pin] ?? '')]
        : [];
    })
    .join(' · ');
}
