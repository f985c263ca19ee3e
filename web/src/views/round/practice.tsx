import { useEffect, useState } from 'preact/hooks';
import { applicable, CANNOT_TELL } from '../../../../lib/contract/gates.ts';
import type { Given } from '../../../../lib/contract/round-request.ts';
import { ROUND } from '../../../../lib/limits.ts';
import { readPredictions } from '../../api/client.ts';
import type { Codebook, Plan, PredictionImage, Question, RoundRequest } from '../../api/types.ts';
import { sentenceOf } from '../../live/audit.ts';
import { TextField } from '../../parts/field.tsx';
import { words as rateWords } from '../../words/rate.ts';
import { practiceWords as words } from '../../words/rounds.ts';

export type Practice = NonNullable<RoundRequest['practice']>;

/** The image that the address of a large view names, such as `/audit.html?id=…&image=17.0`. */
export function imageAt(address: string): { audit: string; n: number; index: number } | undefined {
  const query = new URLSearchParams(address.slice(address.indexOf('?') + 1));
  const [, n, index] = /^(\d{1,5})\.(\d{1,3})$/.exec(query.get('image') ?? '') ?? [];
  const audit = query.get('id');
  return audit && n !== undefined ? { audit, n: Number(n), index: Number(index) } : undefined;
}

/** Practice pictures with what the codebook still has of their answers. */
export const validPractice = (practice: Practice, { questions }: Codebook): Practice =>
  practice.map((one) => ({
    ...one,
    answers: Object.fromEntries(
      Object.entries(one.answers).filter(([id, given]) => {
        const known = questions.find((question) => question.id === id)?.answers.map((answer) => answer.id);
        return known && (given === CANNOT_TELL || [given].flat().every((answer) => known.includes(answer)));
      }),
    ),
  }));

interface Read {
  found?: { name: string; image: PredictionImage };
  /** Why there is none, as a sentence. */
  problem?: string;
}

/** The image that an address names, if raters can be shown it. */
async function readImage(address: string, plans: readonly Plan[]): Promise<Read> {
  if (address.trim() === '') return {};
  const at = imageAt(address.trim());
  if (!at || !plans.some(({ id, cells }) => id === at.audit && at.n < cells))
    return { problem: words.noImage };
  const { predictions } = await readPredictions(at.audit, at.n, 1);
  const image = predictions[0]?.images.find(({ index }) => index === at.index);
  if (image?.status !== 'ok' || image.blank) return { problem: words.notShowable };
  return { found: { name: `${at.audit}/${String(at.n).padStart(5, '0')}/${at.index}`, image } };
}

interface Props {
  practice: Practice;
  plans: Plan[];
  codebook: Codebook;
  onChange: (practice: Practice) => void;
}

/** Pictures that raters see first, with the answers that are expected. */
export function PracticeFields({ practice, plans, codebook, onChange }: Props) {
  const [address, setAddress] = useState('');
  const [{ found, problem }, setRead] = useState<Read>({});
  const [answers, setAnswers] = useState<ReadonlyMap<string, Given>>(new Map());
  const [text, setText] = useState('');
  useEffect(() => {
    let gone = false;
    setRead({});
    readImage(address, plans).then(
      (read) => gone || setRead(read),
      (error) => gone || setRead({ problem: sentenceOf(error) }),
    );
    return () => {
      gone = true;
    };
  }, [address]);
  const shown = applicable(codebook, answers);
  const questions = codebook.questions.filter(({ id }) => shown.has(id));
  const add = () => {
    const given = Object.fromEntries([...answers].filter(([id]) => shown.has(id)));
    // The same picture again replaces its answers.
    const others = practice.filter(({ image }) => image !== found!.name);
    onChange([...others, { image: found!.name, text: text.trim(), answers: given }]);
    setAddress('');
    setAnswers(new Map());
    setText('');
    // The button that had the focus is gone.
    document.getElementById('practice-address')?.focus();
  };
  return (
    <fieldset>
      <legend>{words.title}</legend>
      <p class="hint">{words.hint}</p>
      {practice.length > 0 && (
        <ul class="prompts">
          {practice.map((one) => (
            <li key={one.image}>
              {words.prediction(Number(one.image.split('/')[1]))} <span dir="auto">{one.text}</span>{' '}
              <button
                type="button"
                class="quiet"
                aria-label={words.removeNamed(Number(one.image.split('/')[1]))}
                onClick={() => onChange(practice.filter(({ image }) => image !== one.image))}
              >
                {words.remove}
              </button>
            </li>
          ))}
        </ul>
      )}
      {practice.length < ROUND.practice && (
        <TextField
          id="practice-address"
          label={words.address}
          hint={words.addressHint}
          inputMode="url"
          autocomplete="off"
          value={address}
          problems={problem === undefined ? [] : [{ field: 'practice-address', text: problem }]}
          onText={setAddress}
        />
      )}
      {found && (
        <div class="practice">
          <img src={found.image.rendition ?? found.image.url} crossOrigin="anonymous" alt={words.chosen} />
          <div>
            {questions.map((question) => (
              <AnswerField
                key={question.id}
                question={question}
                given={answers.get(question.id)}
                onChange={(given) => {
                  const now = new Map(answers);
                  if (given === undefined) now.delete(question.id);
                  else now.set(question.id, given);
                  setAnswers(now);
                }}
              />
            ))}
            <TextField
              id="practice-text"
              label={words.why}
              rows={2}
              maxLength={ROUND.textLength}
              value={text}
              onText={setText}
            />
            <button type="button" disabled={text.trim() === ''} onClick={add}>
              {words.add}
            </button>
          </div>
        </div>
      )}
    </fieldset>
  );
}

interface AnswerProps {
  question: Question;
  given: Given | undefined;
  onChange: (given: Given | undefined) => void;
}

/** The answer that is expected to a question, if one is. */
function AnswerField({ question: { text, kind, answers }, given, onChange }: AnswerProps) {
  const isSeveral = kind === 'any';
  const chosen = given === undefined ? [] : [given].flat();
  return (
    <label>
      <span dir="auto">{text}</span>
      <select
        multiple={isSeveral}
        onChange={({ currentTarget: { selectedOptions } }) => {
          const ids = Array.from(selectedOptions, ({ value }) => value).filter((value) => value !== '');
          const cannotTell = ids.includes(CANNOT_TELL);
          onChange(ids.length === 0 ? undefined : cannotTell ? CANNOT_TELL : isSeveral ? ids : ids[0]);
        }}
      >
        {!isSeveral && <option value="">{words.any}</option>}
        {[...answers, { id: CANNOT_TELL, text: rateWords.cannotTell }].map((answer) => (
          <option key={answer.id} value={answer.id} selected={chosen.includes(answer.id)}>
            {answer.text}
          </option>
        ))}
      </select>
    </label>
  );
}
