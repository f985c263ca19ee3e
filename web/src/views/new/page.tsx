import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { DESIGN } from '../../../../lib/limits.ts';
import { ApiError, createAudit, readBudget, readModels } from '../../api/client.ts';
import type { Budget } from '../../api/types.ts';
import { estimate } from '../../model/estimate.ts';
import { useTask } from '../../parts/task.ts';
import {
  costOf,
  type Draft,
  EMPTY,
  keepDraft,
  namesIn,
  orderOf,
  problemsOf,
  promptsOf,
  readDraft,
  requestOf,
} from './draft.ts';
import { EstimatePanel } from './estimate.tsx';
import { EXAMPLES } from './examples.ts';
import { ModelChoice } from './models.tsx';

/** Days by retention. They are unknown until the API has answered; the choice is then shown without them. */
type RetentionDays = { short: number; standard: number };

const retentions = (days: RetentionDays | undefined) =>
  [
    { value: 'short', text: `Short${days ? `: kept for ${days.short} days` : ''}` },
    { value: 'standard', text: `Standard${days ? `: kept for ${days.standard} days` : ''}` },
    { value: 'keep', text: 'Keep: never deleted automatically' },
  ] as const;

/** The form for a new audit. */
export function NewAuditPage() {
  const [draft, setDraft] = useState(readDraft);
  const [offered, setOffered] = useState<string[]>([]);
  const [days, setDays] = useState<RetentionDays>();
  const [tried, setTried] = useState(false);
  const [budget, setBudget] = useState<Budget>();
  // Each request text has one key, so that a retry after a lost answer does not create a second audit.
  const sent = useRef({ body: '', key: '' });

  /** Changes the draft as it is now: a form that waited for an answer must not bring back an older one. */
  const changeFrom = (part: (now: Draft) => Partial<Draft>) =>
    setDraft((now) => {
      const next = { ...now, ...part(now) };
      keepDraft(next);
      return next;
    });
  const change = (part: Partial<Draft>) => changeFrom(() => part);
  const models = useTask(async () => {
    const { models: names, retentionDays } = await readModels();
    setOffered(names);
    setDays(retentionDays);
    changeFrom(({ models }) => (models.length === 0 && names[0] ? { models: [names[0]] } : {}));
  });
  const money = useTask(async () => setBudget(await readBudget()));
  useEffect(() => {
    models.run();
    money.run();
  }, []);

  const { prompts, problem } = useMemo(() => promptsOf(draft), [draft]);
  const found = budget && estimate(budget.prices, orderOf(draft, prompts.length));
  const needsLimit =
    found && found.unpriced.length > 0 && budget.monthly !== null && costOf(draft) === undefined;
  const problems = [
    ...useMemo(() => problemsOf(draft), [draft]),
    ...(needsLimit
      ? [
          `The price of ${found.unpriced.join(', ')} is not known. Fill in “The most that the audit may cost”.`,
        ]
      : []),
  ];
  const create = useTask(async () => {
    const request = requestOf(draft);
    const body = JSON.stringify(request);
    if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
    const { id } = await createAudit(request, sent.current.key).catch((error) => {
      // Others have used the budget meanwhile.
      if (error instanceof ApiError && error.status === 402) money.run();
      throw error;
    });
    keepDraft(EMPTY);
    const single = prompts.length * draft.models.length === 1 && request.samples > 1;
    location.assign(`/audit.html?id=${id}${single ? '&wall=0.0' : ''}`);
  });
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (problems.length === 0) create.run();
  };

  return (
    <form class="new" onSubmit={submit} noValidate>
      <div class="lead">
        <h1>New audit</h1>
        <p>Give image models the same prompts many times, and see every answer.</p>
        <div class="examples" role="group" aria-label="Examples">
          <span>Examples</span>
          {EXAMPLES.map(({ title, draft: example }) => (
            <button
              key={title}
              type="button"
              class="chip"
              onClick={() => change({ ...EMPTY, models: draft.models, ...example })}
            >
              {title}
            </button>
          ))}
        </div>
      </div>

      <div class="fields">
        <fieldset>
          <legend>Prompts</legend>
          <div class="tabs">
            <label>
              <input
                type="radio"
                name="way"
                checked={draft.way === 'prompts'}
                onChange={() => change({ way: 'prompts' })}
              />
              <span>List</span>
            </label>
            <label>
              <input
                type="radio"
                name="way"
                checked={draft.way === 'template'}
                onChange={() => change({ way: 'template' })}
              />
              <span>Template with factors</span>
            </label>
          </div>
          {draft.way === 'prompts' ? (
            <>
              <label for="prompts">Prompts, one per line</label>
              <textarea
                id="prompts"
                rows={6}
                value={draft.prompts}
                placeholder={'a photo of a doctor\na photo of a nurse'}
                onInput={(event) => change({ prompts: event.currentTarget.value })}
              />
            </>
          ) : (
            <TemplateFields
              draft={draft}
              change={change}
              prompts={prompts}
              problem={tried ? undefined : problem}
            />
          )}
        </fieldset>

        <ModelChoice
          offered={offered}
          chosen={draft.models}
          onChange={(chosen) => change({ models: chosen })}
        />
        {models.problem && (
          <p class="error" role="alert">
            The list of models could not be loaded. {models.problem} You can also add a model by name.
          </p>
        )}

        <fieldset class="pair">
          <legend>Samples and retention</legend>
          <div>
            <label for="samples">Samples per prompt and model</label>
            <input
              id="samples"
              type="number"
              min={1}
              max={DESIGN.samples}
              inputMode="numeric"
              value={draft.samples || ''}
              onInput={(event) => change({ samples: event.currentTarget.valueAsNumber || 0 })}
            />
            <p class="hint">Each sample has its own seed, the same for all prompts and models.</p>
          </div>
          <div>
            <label for="retention">Retention</label>
            <select
              id="retention"
              value={draft.retention}
              onChange={(event) => change({ retention: event.currentTarget.value as Draft['retention'] })}
            >
              {retentions(days).map(({ value, text }) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </div>
        </fieldset>

        <details
          open={
            needsLimit ||
            [draft.name, draft.seed, draft.input, draft.maxCost].some((entered) => entered !== '')
          }
        >
          <summary>Name, seed, inputs and cost</summary>
          <label for="name">Name</label>
          <input
            id="name"
            type="text"
            maxLength={DESIGN.nameLength}
            value={draft.name}
            placeholder="default: the first prompt"
            onInput={(event) => change({ name: event.currentTarget.value })}
          />
          <label for="seed">Seed, to repeat an audit</label>
          <input
            id="seed"
            type="text"
            inputMode="numeric"
            value={draft.seed}
            placeholder="default: random"
            onInput={(event) => change({ seed: event.currentTarget.value })}
          />
          <label for="input">Inputs for every model, as JSON</label>
          <textarea
            id="input"
            rows={2}
            spellcheck={false}
            value={draft.input}
            placeholder={'{"aspect_ratio": "1:1"}'}
            onInput={(event) => change({ input: event.currentTarget.value })}
          />
          <label for="max-cost">The most that the audit may cost, in dollars</label>
          <input
            id="max-cost"
            type="text"
            inputMode="decimal"
            value={draft.maxCost}
            placeholder="default: the price of all its predictions"
            onInput={(event) => change({ maxCost: event.currentTarget.value })}
          />
        </details>
      </div>

      <aside>
        <EstimatePanel
          budget={budget}
          found={found}
          maxCost={costOf(draft)}
          prompts={prompts.length}
          models={draft.models.length}
          samples={draft.samples}
        />
        {money.problem && (
          <p class="error" role="alert">
            Prices and budget could not be loaded. {money.problem}
          </p>
        )}
        {tried && problems.length > 0 && (
          <ul class="error" role="alert">
            {problems.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        )}
        {create.problem && (
          <p class="error" role="alert">
            {create.problem}
          </p>
        )}
        <button type="submit" class="primary big" disabled={create.busy}>
          {create.busy ? 'Checking the models…' : 'Start the audit'}
        </button>
      </aside>
    </form>
  );
}

interface TemplateProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  prompts: string[];
  problem: string | undefined;
}

function TemplateFields({ draft, change, prompts, problem }: TemplateProps) {
  const names = namesIn(draft.template);
  return (
    <>
      <label for="template">Template</label>
      <input
        id="template"
        type="text"
        value={draft.template}
        placeholder="a photo of a {gender} {job}"
        aria-describedby="template-hint"
        onInput={(event) => change({ template: event.currentTarget.value })}
      />
      <p class="hint" id="template-hint">
        A word in braces is a factor. Each combination of values becomes one prompt.
      </p>
      <div class="factors">
        {names.map((name) => (
          <div key={name}>
            <label for={`factor-${name}`}>{name}, one value per line</label>
            <textarea
              id={`factor-${name}`}
              rows={4}
              value={draft.factors[name] ?? ''}
              onInput={(event) =>
                change({ factors: { ...draft.factors, [name]: event.currentTarget.value } })
              }
            />
          </div>
        ))}
      </div>
      {problem && names.length > 0 && <p class="hint">{problem}</p>}
      {prompts.length > 0 && (
        <details class="preview">
          <summary>
            {prompts.length} {prompts.length === 1 ? 'prompt' : 'prompts'}, for example “{prompts[0]}”
          </summary>
          <ol>
            {prompts.slice(0, 100).map((prompt) => (
              <li key={prompt}>{prompt}</li>
            ))}
          </ol>
          {prompts.length > 100 && <p class="hint">… and {prompts.length - 100} more.</p>}
        </details>
      )}
    </>
  );
}
