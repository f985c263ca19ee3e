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
import { type Outcome, outcomeOf, outcomeOfAll } from '../../model/rates.ts';
import { OutcomeLine } from '../../parts/outcome.tsx';
import { ShareBar } from '../../parts/proportion.tsx';
import { tableWords } from '../../words/audit.ts';
import { missingInWords } from '../../words/outcomes.ts';
import type { ViewProps } from './use-view.ts';
import { Verdict } from './verdict.tsx';

const MOST = 40;

/** Shares of refusals and failures, and images that show nothing, by one dimension. Each row has a button that moves the grid to its value. */
export function Outcomes({ live, space, view, change }: ViewProps & { live: LiveAudit }) {
  const [open, setOpen] = useState(false);
  const [by, setBy] = useState<DimensionId>('model');
  const choices = space.dimensions.filter(({ id, values }) => values.length > 1 && id !== 'sample');
  if (choices.length === 0) return null;
  const chosen = ([by, view.arrangement.rows].find((id) => choices.some((choice) => choice.id === id)) ??
    choices[0]!.id) as DimensionId;
  return (
    <details class="outcomes" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{tableWords.title}</summary>
      {open && (
        <>
          <label>
            <span>{tableWords.groupBy}</span>
            <select value={chosen} onChange={(event) => setBy(event.currentTarget.value as DimensionId)}>
              {choices.map(({ id, name }) => (
                <option key={id} value={id} dir="auto">
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
  const outcomes = groups.map(outcomeOf);
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
      <p class="verdict" data-test="missing">
        {missingInWords(outcomeOfAll(live.cells))}
      </p>
      {by === 'model' && <Verdict names={values} outcomes={outcomes} />}
      <table>
        <caption>
          {tableWords.caption}
          {poolsSeeds(space, by) && ` ${tableWords.pooled}`}
          {live.cells.loaded < live.plan.cells && ` ${tableWords.loaded(live.cells.loaded, live.plan.cells)}`}
        </caption>
        <thead>
          <tr>
            <th scope="col" dir="auto">
              {dimensionOf(space, by).name}
            </th>
            {hasReferences && (
              <th scope="col" class="narrow">
                {tableWords.reference}
              </th>
            )}
            <th scope="col">{tableWords.refused}</th>
            <th scope="col">{tableWords.outcomes}</th>
          </tr>
        </thead>
        <tbody>
          {values.slice(0, MOST).map((value, i) => (
            <OutcomeRow
              key={value}
              value={value}
              outcome={outcomes[i]!}
              onShow={() => show(i)}
              {...(hasReferences ? { reference: references[i] ?? '' } : {})}
            />
          ))}
        </tbody>
      </table>
      {values.length > MOST && <p class="hint">{tableWords.first(MOST, values.length)}</p>}
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
  return (
    <tr>
      <th scope="row">
        <button type="button" class="link" dir="auto" onClick={onShow}>
          {value}
        </button>
      </th>
      {reference !== undefined && <td class="narrow">{reference}</td>}
      <td>
        {outcome.refused ? <ShareBar of={outcome.refused} /> : <span class="hint">{tableWords.noneYet}</span>}
      </td>
      <td>
        <OutcomeLine outcome={outcome} />
      </td>
    </tr>
  );
}
