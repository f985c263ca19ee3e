import { useRef, useState } from 'preact/hooks';
import { ROUND } from '../../../../lib/limits.ts';
import { QUESTIONS } from '../../../../lib/rounds/templates.ts';
import { createRound } from '../../api/rounds.ts';
import type { Codebook, Contrast, Plan } from '../../api/types.ts';
import { Alert } from '../../parts/alert.tsx';
import { Field, TextField, Wrong } from '../../parts/field.tsx';
import type { Problem } from '../../parts/problem.ts';
import { useTask } from '../../parts/task.ts';
import { whole } from '../../words/locale.ts';
import { problems as formProblems } from '../../words/new-audit.ts';
import { words } from '../../words/rounds.ts';
import { CodebookList } from './codebook.tsx';
import {
  betweenOf,
  codebookOf,
  contrastId,
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
  ['purpose', words.purpose, words.purposeExample],
  ['contact', words.contact, words.contactExample],
  ['pay', words.pay, words.payExample],
  ['hours', words.hours, words.hoursExample],
  ['version', words.consentVersion, ''],
] as const;

interface PartProps {
  draft: RoundDraft;
  /** What is wrong, once the round was to be made. */
  problems: Problem[];
  change: (part: Partial<RoundDraft>) => void;
}

/** The form for a new rating round of these audits. */
export function NewRound({ plans, finished }: { plans: Plan[]; finished: boolean }) {
  const [draft, setDraft] = useState(() => emptyDraft(words.defaultName(plans[0]!.name)));
  const [tried, setTried] = useState(false);
  const [copied, setCopied] = useState<string>();
  const sent = useRef({ body: '', key: '' });
  const change = (part: Partial<RoundDraft>) => setDraft((now) => ({ ...now, ...part }));
  const problems = tried ? problemsOf(draft) : [];
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
  const part = { draft, problems, change };
  return (
    <form
      class="new round"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        const [first] = problemsOf(draft);
        if (first) document.getElementById(first.field)?.focus();
        else void make.run();
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
        <TextField
          id="round-name"
          label={words.name}
          maxLength={ROUND.titleLength}
          value={draft.name}
          onText={(name) => change({ name })}
        />
        <Questions {...part} codebook={codebook} />
        <Sizes {...part} />
        <Consent {...part} />
        <PracticeFields
          practice={draft.practice}
          plans={plans}
          codebook={codebook}
          onChange={(practice) => change({ practice })}
        />
        <Frozen {...part} codebook={codebook} plans={plans} />
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
        <div class="send">
          {!finished && <p class="error">{words.notFinished}</p>}
          <Alert
            text={
              problems.length > 0 && formProblems.toCorrect(new Set(problems.map(({ field }) => field)).size)
            }
          />
          <Alert text={make.problem} />
          <button type="submit" class="primary big" disabled={!finished || make.busy}>
            {words.make}
          </button>
          <p role="status">{copied}</p>
        </div>
      </aside>
    </form>
  );
}

function Questions({ draft, problems, change, codebook }: PartProps & { codebook: Codebook }) {
  const textOf = (id: string) => QUESTIONS.find((question) => question.id === id)?.text ?? id;
  return (
    <fieldset id="questions" tabIndex={-1} aria-describedby="questions-problem">
      <legend>{words.questions}</legend>
      <p class="hint">{words.questionsHint}</p>
      <Wrong id="questions" problems={problems} />
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
          <TextField
            id="own-text"
            label={words.ownText}
            maxLength={ROUND.textLength}
            placeholder={words.ownExample}
            value={draft.ownText}
            problems={problems}
            onText={(ownText) => change({ ownText })}
          />
          <TextField
            id="own-answers"
            label={words.ownAnswers}
            rows={4}
            placeholder={words.ownAnswersExample}
            value={draft.ownAnswers}
            problems={problems}
            onText={(ownAnswers) => change({ ownAnswers })}
          />
          <Field id="own-kind" label={words.ownKind}>
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
          </Field>
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

function Sizes({ draft, problems, change }: PartProps) {
  const number = (
    name: 'perCell' | 'ratings' | 'slots' | 'repeats',
    label: string,
    hint: string,
    [least, most]: [number, number],
  ) => (
    <TextField
      id={name}
      label={label}
      hint={hint}
      type="number"
      min={least}
      max={most}
      inputMode="numeric"
      value={draft[name]}
      problems={problems}
      onText={(text) => {
        const value = Math.max(least, Math.min(most, Math.floor(Number(text))));
        // More ratings need more raters, and raters follow ratings until they were set apart.
        const slots = draft.slots === draft.ratings ? value : Math.max(draft.slots, value);
        change({ [name]: value, ...(name === 'ratings' ? { slots } : {}) });
      }}
    />
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

function Consent({ draft, problems, change }: PartProps) {
  return (
    <fieldset>
      <legend>{words.consent}</legend>
      {CONSENT.map(([name, label, example]) => (
        <TextField
          key={name}
          id={`consent-${name}`}
          label={label}
          maxLength={1000}
          {...(name === 'purpose' ? { rows: 2 } : {})}
          placeholder={example}
          value={draft.consent[name]}
          problems={problems}
          onText={(text) => change({ consent: { ...draft.consent, [name]: text } })}
        />
      ))}
      <TextField
        id="round-notice"
        label={words.notice}
        rows={2}
        maxLength={ROUND.longTextLength}
        value={draft.notice}
        onText={(notice) => change({ notice })}
      />
    </fieldset>
  );
}

/** What is primary, and what is left out: decided now. */
function Frozen({
  draft,
  problems,
  change,
  codebook,
  plans,
}: PartProps & { codebook: Codebook; plans: Plan[] }) {
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
          problems={problems}
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
      <TextField
        id="exclusions"
        label={words.exclusions}
        rows={2}
        maxLength={ROUND.longTextLength}
        placeholder={words.exclusionsExample}
        value={draft.exclusions}
        onText={(exclusions) => change({ exclusions })}
      />
    </fieldset>
  );
}

interface ContrastProps {
  place: number;
  contrast: Contrast;
  problems: Problem[];
  codebook: Codebook;
  sides: ReturnType<typeof sidesOf>;
  onChange: (contrast: Contrast) => void;
  onRemove: () => void;
}

function ContrastFields({ place, contrast, problems, codebook, sides, onChange, onRemove }: ContrastProps) {
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
    <div
      id={contrastId(place)}
      class="contrast"
      role="group"
      tabIndex={-1}
      aria-label={words.contrastLegend(place + 1)}
    >
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
      <Wrong id={contrastId(place)} problems={problems} />
    </div>
  );
}
