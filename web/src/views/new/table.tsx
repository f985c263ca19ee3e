import type { Row } from '../../../../lib/audits/rows.ts';
import { Field } from '../../parts/field.tsx';
import { words } from '../../words/table.ts';
import type { Opened } from './draft.ts';

/** Rows that the preview has. */
const SHOWN = 8;

/** The first rows of a table, as they will be requested. @param factors names of its columns beside prompt and model */
export function TablePreview({ rows, factors }: { rows: Row[]; factors: string[] }) {
  const hasModels = rows.some(({ model }) => model !== undefined);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <div class="sheet" role="region" aria-label={words.table} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {[words.prompt, ...factors, ...(hasModels ? [words.model] : [])].map((name) => (
                <th key={name} scope="col" dir="auto">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map(({ text, factors: values = {}, model }) => (
              <tr key={`${text} ${model ?? ''}`}>
                <td dir="auto">{text}</td>
                {factors.map((name) => (
                  <td key={name} dir="auto">
                    {Object.hasOwn(values, name) ? values[name] : ''}
                  </td>
                ))}
                {hasModels && <td>{model ?? ''}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHOWN && <p class="hint">{words.more(rows.length - SHOWN)}</p>}
    </>
  );
}

/** What filled the form, and what was changed or differs. */
export function OpenedNotes({ opened: { name, notes } }: { opened: Opened }) {
  return (
    <div class="opened" role="status">
      <p dir="auto">{words.from(name)}</p>
      {notes.length > 0 && (
        <ul class="hint">
          {notes.map((note) => (
            <li key={note} dir="auto">
              {note}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface FactorsProps {
  factors: string[];
  /** Those whose values are all numbers. */
  numeric: string[];
  compare: string[];
  reference: string;
  change: (part: { compare?: string[]; reference?: string }) => void;
}

/** What is contrasted, and which column is a published number. */
export function FactorRoles({ factors, numeric, compare, reference, change }: FactorsProps) {
  return (
    <fieldset>
      <legend>{words.compare}</legend>
      <p class="hint">{words.compareHint}</p>
      <div class="checks">
        {factors
          .filter((name) => name !== reference)
          .map((name) => (
            <label key={name} class="check">
              <input
                type="checkbox"
                checked={compare.includes(name)}
                onChange={(event) =>
                  change({
                    compare: event.currentTarget.checked
                      ? [...compare, name]
                      : compare.filter((other) => other !== name),
                  })
                }
              />
              <span dir="auto">{name}</span>
            </label>
          ))}
      </div>
      {numeric.length > 0 && (
        <Field id="reference" label={words.reference} hint={words.referenceHint}>
          <select
            id="reference"
            value={reference}
            aria-describedby="reference-hint"
            onChange={(event) => {
              const name = event.currentTarget.value;
              change({ reference: name, compare: compare.filter((other) => other !== name) });
            }}
          >
            <option value="">{words.noReference}</option>
            {numeric.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </Field>
      )}
    </fieldset>
  );
}
