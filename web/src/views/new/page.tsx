import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { DESIGN } from '../../../../lib/limits.ts';
import { estimate } from '../../../../lib/money/estimate.ts';
import { countPairs } from '../../../../lib/records/pairs.ts';
import { ApiError, createAudit, readBudget, readModels } from '../../api/client.ts';
import type { Budget } from '../../api/types.ts';
import { useTask } from '../../parts/task.ts';
import { EXAMPLES } from '../../words/examples.ts';
import { problems as problemWords, words } from '../../words/new-audit.ts';
import { words as tableWords } from '../../words/table.ts';
import {
  askedBy,
  costOf,
  type Draft,
  EMPTY,
  keepDraft,
  namesIn,
  orderOf,
  type Problem,
  problemsOf,
  readDraft,
  requestOf,
} from './draft.ts';
import { EstimatePanel } from './estimate.tsx';
import { idOf, marked, Wrong } from './field.tsx';
import { FileButton, useFiles } from './file.tsx';
import { ModelChoice } from './models.tsx';
import { PublishedButton } from './published.tsx';
import { useStudyChoice } from './study.tsx';
import { FactorRoles, OpenedNotes, TablePreview } from './table.tsx';

/** Days by retention. They are unknown until the API has answered; the choice is then shown without them. */
type RetentionDays = { short: number; standard: number };

/** The form for a new audit. */
export function NewAuditPage() {
  const [draft, setDraft] = useState(readDraft);
  const [offered, setOffered] = useState<string[]>([]);
  const [days, setDays] = useState<RetentionDays>();
  const [mayStart, setMayStart] = useState(true);
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
    const { models: names, retentionDays, scope } = await readModels();
    setMayStart(scope === 'audit');
    setOffered(names);
    setDays(retentionDays);
    changeFrom(({ models }) => (models.length === 0 && names[0] ? { models: [names[0]] } : {}));
  });
  const study = useStudyChoice();
  const money = useTask(async () => setBudget(await readBudget()));
  useEffect(() => {
    models.run();
    money.run();
  }, []);

  const fill = (part: Partial<Draft>) => change({ ...EMPTY, models: draft.models, ...part });
  const files = useFiles(fill);

  const asked = useMemo(() => askedBy(draft), [draft]);
  const prompts = asked.prompts.map(({ text }) => text);
  const found = budget && estimate(budget.prices, orderOf(draft, asked));
  const needsLimit =
    found && found.unpriced.length > 0 && budget.monthly !== null && costOf(draft) === undefined;
  const problems = [
    ...useMemo(() => problemsOf(draft), [draft]),
    ...(needsLimit
      ? [{ field: 'maxCost' as const, text: problemWords.noPrice(found.unpriced.join(', ')) }]
      : []),
  ];
  // Before the first attempt a form that is not filled in is not wrong.
  const wrong = tried ? problems : [];
  const fields = new Set(wrong.map(({ field }) => field));
  const create = useTask(async () => {
    const request = requestOf(draft);
    const body = JSON.stringify(request);
    if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
    const { id } = await createAudit(request, sent.current.key).catch((error) => {
      // Others have used the budget meanwhile.
      if (error instanceof ApiError && error.status === 402) money.run();
      throw error;
    });
    await study.add(id);
    keepDraft(EMPTY);
    const single = countPairs(asked) === 1 && request.samples > 1;
    location.assign(`/audit.html?id=${id}${single ? '&wall=0.0' : ''}`);
  });
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    const [first] = problems;
    if (!first) return void create.run();
    const field = first.field === 'prompts' && draft.way === 'template' ? 'template' : idOf(first.field);
    document.getElementById(field)?.focus();
  };

  return (
    <form
      class="new"
      onSubmit={submit}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        const file = event.dataTransfer?.files[0];
        if (file) void files.open(file);
      }}
      noValidate
    >
      <div class="lead">
        <h1>{words.title}</h1>
        <p>{words.lead}</p>
        {!mayStart && (
          <p class="banner" role="status">
            {words.onlyViews}
          </p>
        )}
        <div class="examples" role="group" aria-label={words.examples}>
          <span>{words.examples}</span>
          {EXAMPLES.map(({ title, draft: example }) => (
            <button key={title} type="button" class="chip" onClick={() => fill(example)}>
              {title}
            </button>
          ))}
          <PublishedButton fill={fill} />
        </div>
      </div>

      <div class="fields">
        <fieldset>
          <legend>{words.prompts}</legend>
          <div class="tabs">
            <label>
              <input
                type="radio"
                name="way"
                checked={draft.way === 'prompts'}
                onChange={() => change({ way: 'prompts' })}
              />
              <span>{words.list}</span>
            </label>
            <label>
              <input
                type="radio"
                name="way"
                checked={draft.way === 'template'}
                onChange={() => change({ way: 'template' })}
              />
              <span>{words.withFactors}</span>
            </label>
            {draft.table.length > 0 && (
              <label>
                <input
                  type="radio"
                  name="way"
                  checked={draft.way === 'table'}
                  onChange={() => change({ way: 'table' })}
                />
                <span>{tableWords.table}</span>
              </label>
            )}
          </div>
          {draft.way === 'table' && <TablePreview rows={draft.table} factors={asked.factors} />}
          {draft.way === 'prompts' && (
            <>
              <label for="prompts">{words.onePerLine}</label>
              <textarea
                id="prompts"
                rows={6}
                value={draft.prompts}
                placeholder={words.promptsExample}
                dir="auto"
                {...marked('prompts', wrong)}
                onInput={(event) => change({ prompts: event.currentTarget.value })}
                onPaste={(event) => {
                  if (files.paste(event.clipboardData?.getData('text/plain') ?? '')) event.preventDefault();
                }}
              />
            </>
          )}
          {draft.way === 'template' && (
            <TemplateFields
              draft={draft}
              change={change}
              prompts={prompts}
              problem={tried ? undefined : asked.problem}
              problems={wrong}
            />
          )}
          <Wrong field="prompts" problems={wrong} />
          {asked.merged > 0 && (
            <p class="hint" role="status">
              {tableWords.merged(asked.merged)}
            </p>
          )}
          {draft.opened && <OpenedNotes opened={draft.opened} />}
          <FileButton {...files} />
        </fieldset>

        {asked.factors.length > 0 && (
          <FactorRoles
            factors={asked.factors}
            numeric={asked.numeric}
            compare={draft.compare}
            reference={draft.reference}
            change={change}
          />
        )}

        {asked.needsModels ? (
          <ModelChoice
            offered={offered}
            chosen={draft.models}
            problems={wrong}
            onChange={(chosen) => change({ models: chosen })}
          />
        ) : (
          <fieldset>
            <legend>{words.models}</legend>
            <p class="hint">{tableWords.ownModels}</p>
          </fieldset>
        )}
        {models.problem && (
          <p class="error" role="alert">
            {words.noModelsLoaded(models.problem)}
          </p>
        )}

        <fieldset class="pair">
          <legend>{words.samplesAndRetention}</legend>
          <div>
            <label for="samples">{words.samples}</label>
            <input
              id="samples"
              type="number"
              min={1}
              max={DESIGN.samples}
              inputMode="numeric"
              value={draft.samples || ''}
              {...marked('samples', wrong, 'samples-hint')}
              onInput={(event) => change({ samples: event.currentTarget.valueAsNumber || 0 })}
            />
            <p class="hint" id="samples-hint">
              {words.samplesHint}
            </p>
            <Wrong field="samples" problems={wrong} />
          </div>
          <div>
            <label for="retention">{words.retention}</label>
            <select
              id="retention"
              value={draft.retention}
              onChange={(event) => change({ retention: event.currentTarget.value as Draft['retention'] })}
            >
              {Object.entries(words.retentions(days)).map(([value, text]) => (
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
            study.isChosen ||
            [draft.name, draft.seed, draft.input, draft.maxCost].some((entered) => entered !== '')
          }
        >
          <summary>{words.moreSettings}</summary>
          <label for="name">{words.name}</label>
          <input
            id="name"
            type="text"
            maxLength={DESIGN.nameLength}
            value={draft.name}
            placeholder={words.nameDefault}
            dir="auto"
            onInput={(event) => change({ name: event.currentTarget.value })}
          />
          {study.field}
          <label for="seed">{words.seed}</label>
          <input
            id="seed"
            type="text"
            inputMode="numeric"
            value={draft.seed}
            placeholder={words.seedDefault}
            {...marked('seed', wrong)}
            onInput={(event) => change({ seed: event.currentTarget.value })}
          />
          <Wrong field="seed" problems={wrong} />
          <label for="input">{words.input}</label>
          <textarea
            id="input"
            rows={2}
            spellcheck={false}
            value={draft.input}
            placeholder={words.inputExample}
            {...marked('input', wrong)}
            onInput={(event) => change({ input: event.currentTarget.value })}
          />
          <Wrong field="input" problems={wrong} />
          <label for="max-cost">{words.maxCost}</label>
          <input
            id="max-cost"
            type="text"
            inputMode="decimal"
            value={draft.maxCost}
            placeholder={words.maxCostDefault}
            {...marked('maxCost', wrong)}
            onInput={(event) => change({ maxCost: event.currentTarget.value })}
          />
          <Wrong field="maxCost" problems={wrong} />
        </details>
      </div>

      <aside>
        <EstimatePanel
          budget={budget}
          found={found}
          maxCost={costOf(draft)}
          asked={asked}
          samples={draft.samples}
        />
        {money.problem && (
          <p class="error" role="alert">
            {words.noMoneyLoaded(money.problem)}
          </p>
        )}
        {fields.size > 0 && (
          <p class="error" role="alert">
            {problemWords.toCorrect(fields.size)}
          </p>
        )}
        {create.problem && (
          <p class="error" role="alert">
            {create.problem}
          </p>
        )}
        <button type="submit" class="primary big" disabled={create.busy || !mayStart}>
          {create.busy ? words.checking : words.start}
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
  problems: Problem[];
}

function TemplateFields({ draft, change, prompts, problem, problems }: TemplateProps) {
  const names = namesIn(draft.template);
  return (
    <>
      <label for="template">{words.template}</label>
      <input
        id="template"
        type="text"
        value={draft.template}
        placeholder={words.templateExample}
        dir="auto"
        {...marked('prompts', problems, 'template-hint')}
        onInput={(event) => change({ template: event.currentTarget.value })}
      />
      <p class="hint" id="template-hint">
        {words.templateHint}
      </p>
      <div class="factors">
        {names.map((name) => (
          <div key={name}>
            <label for={`factor-${name}`} dir="auto">
              {words.values(name)}
            </label>
            <textarea
              id={`factor-${name}`}
              rows={4}
              dir="auto"
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
          <summary>{words.preview(prompts.length, prompts[0]!)}</summary>
          <ol>
            {prompts.slice(0, 100).map((prompt) => (
              <li key={prompt} dir="auto">
                {prompt}
              </li>
            ))}
          </ol>
          {prompts.length > 100 && <p class="hint">{words.more(prompts.length - 100)}</p>}
        </details>
      )}
    </>
  );
}
