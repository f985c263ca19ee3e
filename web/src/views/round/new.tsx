import { useRef, useState } from 'preact/hooks';
import { ROUND } from '../../../../lib/limits.ts';
import { QUESTIONS } from '../../../../lib/rounds/templates.ts';
import { createRound } from '../../api/rounds.ts';
import type { Codebook, Contrast, Plan } from '../../api/types.ts';
import { useTask } from '../../parts/task.ts';
import { whole } from '../../words/locale.ts';
import { words } from '../../words/rounds.ts';
import { CodebookList } from './codebook.tsx';
import {
  betweenOf,
  codebookOf,
  emptyDraft,
  mostPictures,
  problemsOf,
  type RoundDraft,
  requestOf,
  sideOf,
  sidesOf,
  validContrasts,
  workOf,
} from './draft.ts';
import { PracticeFields } from './practice.tsx';

const KINDS = ['one', 'any', 'scale'] as const;
const CONSENT = [
  ['version', words.consentVersion, ''],
  ['purpose', words.purpose, words.purposeExample],
  ['contact', words.contact, words.contactExample],
  ['pay', words.pay, words.payExample],
  ['hours', words.hours, words.hoursExample],
] as const;

interface PartProps {
  draft: RoundDraft;
  change: (part: Partial<RoundDraft>) => void;
}

/** The form for a new rating round of these audits. */
export function NewRound({ plans, finished }: { plans: Plan[]; finished: boolean }) {
  const [draft, setDraft] = useState(() => emptyDraft(words.defaultName(plans[0]!.name)));
  const [tried, setTried] = useState(false);
  const [copied, setCopied] = useState<string>();
  const sent = useRef({ body: '', key: '' });
  const change = (part: Partial<RoundDraft>) => setDraft((now) => ({ ...now, ...part }));
  const problems = problemsOf(draft);
  const codebook = codebookOf(draft);
  const pictures = mostPictures(plans, draft);
  const work = workOf(pictures, draft);
  const make = useTask(async () => {
    const body = JSON.stringify(
      requestOf(
        draft,
        plans.map(({ id }) => id),
      ),
    );
    if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
    setCopied(words.making);
    const { id } = await createRound(body, sent.current.key, (made) =>
      setCopied(words.copying(made.copied, made.items)),
    ).finally(() => setCopied(undefined));
    location.assign(`/round.html?id=${id}`);
  });
  return (
    <form
      class="new round"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (problems.length === 0) void make.run();
      }}
    >
      <div class="lead">
        <h1>{words.title}</h1>
        <p>{words.lead}</p>
        <p>
          {plans.map(({ id, name }) => (
            <a key={id} href={`/audit.html?id=${id}`} dir="auto">
              {name}
            </a>
          ))}
        </p>
      </div>
      <div class="fields">
        <div>
          <label for="round-name">{words.name}</label>
          <input
            id="round-name"
            type="text"
            dir="auto"
            maxLength={ROUND.titleLength}
            value={draft.name}
            onInput={(event) => change({ name: event.currentTarget.value })}
          />
        </div>
        <Questions draft={draft} change={change} codebook={codebook} />
        <Sizes draft={draft} change={change} />
        <Consent draft={draft} change={change} />
        <PracticeFields
          practice={draft.practice}
          plans={plans}
          codebook={codebook}
          onChange={(practice) => change({ practice })}
        />
        <Frozen draft={draft} change={change} codebook={codebook} plans={plans} />
      </div>
      <aside>
        <section class="card estimate" aria-label={words.work} aria-live="polite">
          <p class="figure">
            <b>{whole(pictures)}</b> {words.picturesAtMost(pictures)}
          </p>
          <dl>
            <dt>{words.answers}</dt>
            <dd>{whole(work.answers)}</dd>
            <dt>{words.time}</dt>
            <dd>{words.timeOf(work.seconds, work.secondsEach)}</dd>
          </dl>
          <p class="hint">{words.assumption}</p>
        </section>
        {!finished && <p class="error">{words.notFinished}</p>}
        {tried && problems.length > 0 && (
          <ul class="error" role="alert">
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        )}
        {make.problem && (
          <p class="error" role="alert">
            {make.problem}
          </p>
        )}
        <button type="submit" class="primary big" disabled={!finished || make.busy}>
          {words.make}
        </button>
        <p role="status">{copied}</p>
      </aside>
    </form>
  );
}

function Questions({ draft, change, codebook }: PartProps & { codebook: Codebook }) {
  const textOf = (id: string) => QUESTIONS.find((question) => question.id === id)?.text ?? id;
  return (
    <fieldset>
      <legend>{words.questions}</legend>
      <p class="hint">{words.questionsHint}</p>
      {QUESTIONS.map(({ id, text, gate }) => (
        <label key={id} class="check">
          <input
            type="checkbox"
            // What the gate of another one needs is asked, too.
            checked={codebook.questions.some((question) => question.id === id)}
            onChange={(event) =>
              change({
                chosen: event.currentTarget.checked
                  ? [...draft.chosen, id]
                  : withoutQuestion(draft.chosen, id),
              })
            }
          />
          <span>
            {text} {gate && <span class="hint">{words.needs(textOf(gate.question))}</span>}
          </span>
        </label>
      ))}
      <label class="check">
        <input
          type="checkbox"
          checked={draft.own}
          onChange={(event) => change({ own: event.currentTarget.checked })}
        />
        <span>{words.own}</span>
      </label>
      {draft.own && (
        <div class="own">
          <label for="own-text">{words.ownText}</label>
          <input
            id="own-text"
            type="text"
            dir="auto"
            maxLength={ROUND.textLength}
            placeholder={words.ownExample}
            value={draft.ownText}
            onInput={(event) => change({ ownText: event.currentTarget.value })}
          />
          <label for="own-answers">{words.ownAnswers}</label>
          <textarea
            id="own-answers"
            rows={4}
            dir="auto"
            placeholder={words.ownAnswersExample}
            value={draft.ownAnswers}
            onInput={(event) => change({ ownAnswers: event.currentTarget.value })}
          />
          <label for="own-kind">{words.ownKind}</label>
          <select
            id="own-kind"
            value={draft.ownKind}
            onChange={(event) =>
              change({ ownKind: KINDS.find((kind) => kind === event.currentTarget.value) ?? 'one' })
            }
          >
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {words.kinds[kind]}
              </option>
            ))}
          </select>
        </div>
      )}
      <details>
        <summary>{words.preview(codebook.questions.length)}</summary>
        <CodebookList codebook={codebook} />
      </details>
    </fieldset>
  );
}

/** Without a question, and without those that its gate leads to. */
function withoutQuestion(chosen: string[], id: string): string[] {
  const out = new Set([id]);
  // Gates name earlier questions.
  for (const { id: other, gate } of QUESTIONS) if (gate && out.has(gate.question)) out.add(other);
  return chosen.filter((one) => !out.has(one));
}

function Sizes({ draft, change }: PartProps) {
  const number = (
    name: 'perCell' | 'ratings' | 'slots' | 'repeats',
    label: string,
    hint: string,
    [least, most]: [number, number],
  ) => (
    <div>
      <label for={name}>{label}</label>
      <input
        id={name}
        type="number"
        min={least}
        max={most}
        inputMode="numeric"
        value={draft[name]}
        onInput={(event) => {
          const { valueAsNumber } = event.currentTarget;
          const value = Math.max(least, Math.min(most, Math.floor(valueAsNumber || 0)));
          // More ratings need more raters, and raters follow ratings until they were set apart.
          const slots = draft.slots === draft.ratings ? value : Math.max(draft.slots, value);
          change({ [name]: value, ...(name === 'ratings' ? { slots } : {}) });
        }}
      />
      <p class="hint">{hint}</p>
    </div>
  );
  return (
    <fieldset>
      <legend>{words.pictures}</legend>
      <label class="check">
        <input type="radio" name="which" checked={draft.all} onChange={() => change({ all: true })} />
        <span>{words.all}</span>
      </label>
      <label class="check">
        <input type="radio" name="which" checked={!draft.all} onChange={() => change({ all: false })} />
        <span>{words.some}</span>
      </label>
      <div class="pair">
        {!draft.all && number('perCell', words.perCell, words.perCellHint, [1, 1000])}
        {number('ratings', words.ratings, words.ratingsHint, [1, ROUND.ratings])}
        {number('slots', words.slots, words.slotsHint, [1, ROUND.slots])}
        {number('repeats', words.repeats, words.repeatsHint, [0, ROUND.repeats])}
      </div>
    </fieldset>
  );
}

function Consent({ draft, change }: PartProps) {
  return (
    <fieldset>
      <legend>{words.consent}</legend>
      {CONSENT.map(([name, label, example]) => (
        <div key={name}>
          <label for={`consent-${name}`}>{label}</label>
          <input
            id={`consent-${name}`}
            type="text"
            dir="auto"
            maxLength={1000}
            placeholder={example}
            value={draft.consent[name]}
            onInput={(event) => change({ consent: { ...draft.consent, [name]: event.currentTarget.value } })}
          />
        </div>
      ))}
      <label for="round-notice">{words.notice}</label>
      <textarea
        id="round-notice"
        rows={2}
        dir="auto"
        maxLength={ROUND.longTextLength}
        value={draft.notice}
        onInput={(event) => change({ notice: event.currentTarget.value })}
      />
    </fieldset>
  );
}

/** What is primary, and what is left out: decided now. */
function Frozen({ draft, change, codebook, plans }: PartProps & { codebook: Codebook; plans: Plan[] }) {
  const sides = sidesOf(plans);
  const first = codebook.questions[0];
  const contrasts = validContrasts(draft, codebook);
  const set = (place: number, contrast: Contrast) =>
    change({ contrasts: contrasts.map((one, i) => (i === place ? contrast : one)) });
  return (
    <fieldset>
      <legend>{words.frozen}</legend>
      <p class="hint">{words.frozenHint}</p>
      <p class="hint">{words.contrasts}</p>
      {contrasts.map((contrast, place) => (
        <ContrastFields
          key={place}
          place={place}
          contrast={contrast}
          codebook={codebook}
          sides={sides}
          onChange={(changed) => set(place, changed)}
          onRemove={() => change({ contrasts: contrasts.filter((_, i) => i !== place) })}
        />
      ))}
      {contrasts.length < ROUND.contrasts && first && sides[0] && (
        <div>
          <button
            type="button"
            onClick={() =>
              change({
                contrasts: [
                  ...contrasts,
                  {
                    question: first.id,
                    answer: first.answers[0]?.id ?? '',
                    between: betweenOf(sides[0]!.id, sides[0]!.values[0]!, sides[0]!.values[1]!),
                  },
                ],
              })
            }
          >
            {words.addContrast}
          </button>
        </div>
      )}
      <label for="exclusions">{words.exclusions}</label>
      <textarea
        id="exclusions"
        rows={2}
        dir="auto"
        maxLength={ROUND.longTextLength}
        placeholder={words.exclusionsExample}
        value={draft.exclusions}
        onInput={(event) => change({ exclusions: event.currentTarget.value })}
      />
    </fieldset>
  );
}

interface ContrastProps {
  place: number;
  contrast: Contrast;
  codebook: Codebook;
  sides: ReturnType<typeof sidesOf>;
  onChange: (contrast: Contrast) => void;
  onRemove: () => void;
}

function ContrastFields({ place, contrast, codebook, sides, onChange, onRemove }: ContrastProps) {
  const { question, answer, between } = contrast;
  const side = sides.find(({ id }) => id === sideOf(contrast));
  const choice = (
    label: string,
    value: string,
    options: readonly { id: string; text: string }[],
    change: (value: string) => void,
  ) => (
    <label>
      {label}
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
  const values = (side?.values ?? []).map((value) => ({ id: value, text: value }));
  const answersOf = (id: string) => codebook.questions.find((one) => one.id === id)?.answers ?? [];
  return (
    <div class="contrast" role="group" aria-label={words.contrastLegend(place + 1)}>
      {choice(words.ownText, question, codebook.questions, (id) =>
        onChange({ question: id, answer: answersOf(id)[0]?.id ?? '', between }),
      )}
      {choice(words.answer, answer, answersOf(question), (id) => onChange({ ...contrast, answer: id }))}
      {choice(
        words.between,
        sideOf(contrast),
        sides.map(({ id, name }) => ({ id, text: name })),
        (id) => {
          const [one = '', other = ''] = sides.find((known) => known.id === id)?.values ?? [];
          onChange({ ...contrast, between: betweenOf(id, one, other) });
        },
      )}
      {choice(words.one, between.one, values, (one) =>
        onChange({ ...contrast, between: { ...between, one } }),
      )}
      {choice(words.other, between.other, values, (other) =>
        onChange({ ...contrast, between: { ...between, other } }),
      )}
      <button type="button" class="quiet" onClick={onRemove}>
        {words.removeContrast}
      </button>
    </div>
  );
}
