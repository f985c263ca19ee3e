import { useState } from 'preact/hooks';
import type { Prediction } from '../../api/types.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import {
  arrange,
  type DimensionId,
  dimensionOf,
  poolsSeeds,
  referenceAt,
  valueAt,
} from '../../model/axes.ts';
import { type Outcome, outcomeOf, UNSEEN } from '../../model/rates.ts';
import { spokenProportion } from '../../model/statistics.ts';
import { Share, ShareBar } from '../../parts/proportion.tsx';
import type { ViewProps } from './use-view.ts';

const MOST = 40;

/** Shares of refusals and failures, and images that show nothing, by one dimension. Each row has a button that moves the grid to its value. */
export function Outcomes({ live, space, view, change }: ViewProps & { live: LiveAudit }) {
  const [open, setOpen] = useState(false);
  const [by, setBy] = useState<DimensionId>(view.arrangement.rows);
  const choices = space.dimensions.filter(({ id, values }) => values.length > 1 && id !== 'sample');
  if (choices.length === 0) return null;
  const chosen = choices.some(({ id }) => id === by) ? by : choices[0]!.id;
  return (
    <details class="outcomes" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Refusals and failures</summary>
      {open && (
        <>
          <label>
            <span>Group by</span>
            <select value={chosen} onChange={(event) => setBy(event.currentTarget.value as DimensionId)}>
              {choices.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <OutcomeTable live={live} space={space} view={view} change={change} by={chosen} />
        </>
      )}
    </details>
  );
}

function OutcomeTable({ live, space, view, change, by }: ViewProps & { live: LiveAudit; by: DimensionId }) {
  useChanges(live.cells);
  const { values } = dimensionOf(space, by);
  const groups: Prediction[][] = values.map(() => []);
  for (let n = 0; n < live.plan.cells; n++) {
    const prediction = live.cells.at(n);
    if (prediction) groups[valueAt(space, by, n)]?.push(prediction);
  }
  const references = values.map((_, value) => referenceAt(space, by, value));
  const hasReferences = references.some((text) => text !== undefined);
  const { rows, columns, pins } = view.arrangement;
  const show = (value: number) => {
    // A pinned dimension is set to the value; otherwise the grid scrolls to its row or column.
    if (by in pins) change({ arrangement: arrange(space, rows, columns, { ...pins, [by]: value }) });
    else
      document
        .querySelector<HTMLElement>(
          by === columns ? `[data-column-head="${value}"]` : `[data-row-head="${value}"]`,
        )
        ?.scrollIntoView({ block: 'center', inline: 'center' });
  };
  return (
    <>
      <table>
        <caption>
          Dots are shares and bands are their 95 % Wilson intervals, from 0 to 100 %.
          {poolsSeeds(space, by) &&
            ' Rows hold prompts with the same seeds, whose pictures may resemble each other: these intervals are too narrow.'}
          {live.cells.loaded < live.plan.cells &&
            ` ${live.cells.loaded} of ${live.plan.cells} predictions have been loaded.`}
        </caption>
        <thead>
          <tr>
            <th scope="col">{dimensionOf(space, by).name}</th>
            {hasReferences && (
              <th scope="col" class="narrow">
                Reference
              </th>
            )}
            <th scope="col">Refused, of those answered</th>
            <th scope="col">Failed, of those finished</th>
            {UNSEEN.map((name) => (
              <th key={name} scope="col" class="narrow">
                Images {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {values.slice(0, MOST).map((value, i) => (
            <OutcomeRow
              key={value}
              value={value}
              outcome={outcomeOf(groups[i]!)}
              onShow={() => show(i)}
              {...(hasReferences ? { reference: references[i] ?? '' } : {})}
            />
          ))}
        </tbody>
      </table>
      {values.length > MOST && (
        <p class="hint">
          Showing the first {MOST} of {values.length}. The manifest contains all of them.
        </p>
      )}
    </>
  );
}

function OutcomeRow({
  value,
  outcome,
  onShow,
  reference,
}: {
  value: string;
  outcome: Outcome;
  onShow: () => void;
  /** Absent if there is no column for it. */
  reference?: string;
}) {
  const none = <span class="hint">none yet</span>;
  return (
    <tr>
      <th scope="row">
        <button type="button" class="link" onClick={onShow}>
          {value}
        </button>
      </th>
      {reference !== undefined && <td class="narrow">{reference}</td>}
      <td>
        {outcome.refused ? (
          <>
            <ShareBar of={outcome.refused} />
            <Share of={outcome.refused} what="refused" />
          </>
        ) : (
          none
        )}
      </td>
      <td>{outcome.failed ? <Share of={outcome.failed} what="failed" /> : none}</td>
      {UNSEEN.map((name) => (
        <td
          key={name}
          class="narrow"
          title={outcome[name] && spokenProportion(outcome[name], `images ${name}`)}
        >
          {outcome[name] ? `${outcome[name].count} of ${outcome[name].n}` : '0'}
        </td>
      ))}
    </tr>
  );
}
