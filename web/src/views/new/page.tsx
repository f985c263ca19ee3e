import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { DESIGN } from '../../../../lib/limits.ts';
import { estimate } from '../../../../lib/money/estimate.ts';
import { countPairs } from '../../../../lib/records/pairs.ts';
import { ApiError, createAudit, readBudget, readModels } from '../../api/client.ts';
import type { Budget } from '../../api/types.ts';
import { Alert } from '../../parts/alert.tsx';
import { Field, TextField, Wrong } from '../../parts/field.tsx';
import type { Problem } from '../../parts/problem.ts';
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
  problemsOf,
  readDraft,
  requestOf,
} from './draft.ts';
import { EstimatePanel } from './estimate.tsx';
import { FileButton, useFiles } from './file.tsx';
import { MarksHint } from './marks.tsx';
import { ModelChoice } from './models.tsx';
import { PublishedButton } from './published.tsx';
import { useStudyChoice } from './study.tsx';
import { FactorRoles, OpenedNotes, TablePreview } from './table.tsx';

/** Days by retention. They are unknown until the API has answered; the choice is then shown without them. */
type RetentionDays = { short: number; standard: number };

/** Shows a field that may be folded away, and moves the focus there. */
function focusOn(field: string): void {
  const element = document.getElementById(field);
  element?.closest('details')?.setAttribute('open', '');
  element?.focus();
}

/** The form for a new audit. */
export function NewAuditPage() {
  const [draft, setDraft] = useState(readDraft);
  const [offered, setOffered] = useState<string[]>([]);
  const [days, setDays] = useState<RetentionDays>();
  const [mayStart, setMayStart] = useState(true);
  const [tried, setTried] = useState(false);
  /** What the API refused of the draft that it got. */
  const [answer, setAnswer] = useState<{ draft: Draft; problems: Problem[] }>();
  /** Whether the further settings are shown. */
  const [more, setMore] = useState(false);
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
  const needsMore =
    needsLimit ||
    study.isChosen ||
    [draft.name, draft.seed, draft.input, draft.maxCost].some((entered) => entered !== '');
  const problems: Problem[] = [
    ...useMemo(() => problemsOf(draft), [draft]),
    ...(needsLimit
      ? [{ field: 'maxCost' as const, text: problemWords.noPrice(found.unpriced.join(', ')) }]
      : []),
  ];
  // Before the first attempt a form that is not filled in is not wrong.
  const isAbout = answer?.draft === draft;
  const wrong = tried ? [...problems, ...(isAbout ? answer.problems : [])] : [];
  const fields = new Set(wrong.map(({ field }) => field));
  const create = useTask(async () => {
    const request = requestOf(draft);
    const body = JSON.stringify(request);
    if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
    setAnswer({ draft, problems: [] });
    const { id } = await createAudit(request, sent.current.key).catch((error) => {
      // Others have used the budget meanwhile.
      if (error instanceof ApiError && error.status === 402) money.run();
      const found: Problem[] = error instanceof ApiError ? error.problems : [];
      // If one has no place in the form, all of them stand beside the button.
      if (found.every(({ field }) => document.getElementById(field))) {
        setAnswer({ draft, problems: found });
        if (found[0]) focusOn(found[0].field);
      }
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
    if (first) focusOn(first.field);
    else void create.run();
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
              <TextField
                id="prompts"
                label={words.onePerLine}
                rows={6}
                value={draft.prompts}
                placeholder={words.promptsExample}
                problems={wrong}
                onText={(text) => change({ prompts: text })}
                onPaste={(event) => {
                  if (files.paste(event.clipboardData?.getData('text/plain') ?? '')) event.preventDefault();
                }}
              />
              <MarksHint id="prompts" text={draft.prompts} onText={(text) => change({ prompts: text })} />
            </>
          )}
          {draft.way === 'template' && (
            <TemplateFields
              draft={draft}
              change={change}
              prompts={prompts}
              problem={tried ? undefined : asked.problem?.text}
              problems={wrong}
            />
          )}
          {draft.way === 'table' && <Wrong id="prompts" problems={wrong} />}
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
        <Alert text={models.problem && words.noModelsLoaded(models.problem)} />

        <fieldset class="pair">
          <legend>{words.samplesAndRetention}</legend>
          <TextField
            id="samples"
            label={words.samples}
            hint={words.samplesHint}
            type="number"
            min={1}
            max={DESIGN.samples}
            inputMode="numeric"
            value={draft.samples || ''}
            problems={wrong}
            onText={(text) => change({ samples: Number(text) })}
          />
          <Field id="retention" label={words.retention}>
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
          </Field>
        </fieldset>

        <details open={more || needsMore} onToggle={(event) => setMore(event.currentTarget.open)}>
          <summary>{words.moreSettings}</summary>
          <TextField
            id="name"
            label={words.name}
            maxLength={DESIGN.nameLength}
            value={draft.name}
            placeholder={words.nameDefault}
            onText={(name) => change({ name })}
          />
          {study.field}
          <TextField
            id="seed"
            label={words.seed}
            inputMode="numeric"
            value={draft.seed}
            placeholder={words.seedDefault}
            problems={wrong}
            onText={(seed) => change({ seed })}
          />
          <TextField
            id="input"
            label={words.input}
            rows={2}
            spellcheck={false}
            value={draft.input}
            placeholder={words.inputExample}
            problems={wrong}
            onText={(input) => change({ input })}
          />
          <TextField
            id="maxCost"
            label={words.maxCost}
            inputMode="decimal"
            value={draft.maxCost}
            placeholder={words.maxCostDefault}
            problems={wrong}
            onText={(maxCost) => change({ maxCost })}
          />
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
        <Alert text={money.problem && words.noMoneyLoaded(money.problem)} />
        <div class="send">
          <Alert text={fields.size > 0 && problemWords.toCorrect(fields.size)} />
          <Alert text={isAbout && answer.problems.length === 0 && create.problem} />
          <button type="submit" class="primary big" disabled={create.busy || !mayStart}>
            {create.busy ? words.checking : words.start}
          </button>
        </div>
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
      <TextField
        id="prompts"
        label={words.template}
        hint={words.templateHint}
        rows={2}
        value={draft.template}
        placeholder={words.templateExample}
        problems={problems}
        // It is one prompt, whose line breaks would be sent.
        onText={(text) => change({ template: text.replace(/\s*\n\s*/g, ' ') })}
      />
      <div class="factors">
        {names.map((name) => {
          const id = `factor-${name}`;
          const values = draft.factors[name] ?? '';
          const onText = (text: string) => change({ factors: { ...draft.factors, [name]: text } });
          return (
            <div key={name}>
              <TextField {...{ id, problems, onText }} label={words.values(name)} rows={4} value={values} />
              <MarksHint {...{ id, onText }} text={values} />
            </div>
          );
        })}
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
