import { useMemo, useState } from 'preact/hooks';
import { applicable, CANNOT_TELL } from '../../../lib/contract/gates.ts';
import type { Codebook, Given, Question } from '../../../lib/contract/round-request.ts';
import type { RatePage } from '../../../lib/contract/rounds.ts';
import { words } from '../words/rate.ts';
import { Picture } from './picture.tsx';
import { Pictures } from './pictures.ts';
import { QuestionCard } from './question.tsx';
import { openQuestion } from './rating.ts';

interface Props {
  practice: RatePage['practice'];
  codebook: Codebook;
  flipped: boolean;
  blurred: boolean;
  onShow: () => void;
  onDone: () => void;
}

/** Pictures with their right answers. What a rater answers here is not kept. */
export function PracticeView({ practice, codebook, flipped, blurred, onShow, onDone }: Props) {
  const [at, setAt] = useState(0);
  const [answers, setAnswers] = useState<ReadonlyMap<string, Given>>(new Map());
  const [seen, setSeen] = useState(-1);
  const pictures = useMemo(() => new Pictures(async (place) => practice[Number(place)]?.url), [practice]);
  const wanted = practice.map(({ url }, place) => ({ id: String(place), url })).slice(at);
  pictures.want(wanted);
  const { text, answers: expected } = practice[at]!;
  const question = openQuestion(codebook, answers);
  const isLast = at === practice.length - 1;
  const next = () => {
    if (isLast) return onDone();
    setAnswers(new Map());
    setAt(at + 1);
  };
  return (
    <div class="rate">
      <div class="position">
        <b>{words.practiceTitle(at + 1, practice.length)}</b>
        <span class="hint">{words.practiceHint}</span>
      </div>
      <Picture
        key={at}
        get={() => pictures.get(wanted[0]!)}
        alt={words.picture(at + 1)}
        blurred={blurred}
        gray={question?.kind === 'scale'}
        onShow={onShow}
        onSeen={() => setSeen(at)}
      />
      <div class="panel">
        {question ? (
          <QuestionCard
            key={`${at} ${question.id} ${blurred}`}
            question={question}
            flipped={flipped}
            enabled={seen === at && !blurred}
            onAnswer={(given) => setAnswers(new Map(answers).set(question.id, given))}
          />
        ) : (
          <Explained codebook={codebook} answers={answers} expected={expected} text={text} />
        )}
        <div class="tools">
          {!question && (
            <button type="button" class="primary" onClick={next}>
              {isLast ? words.startRating : words.next}
            </button>
          )}
          <button type="button" class="quiet" onClick={onDone}>
            {words.skipPractice}
          </button>
        </div>
      </div>
    </div>
  );
}

interface ExplainedProps {
  codebook: Codebook;
  answers: ReadonlyMap<string, Given>;
  expected: Record<string, Given>;
  text: string;
}

/** What was expected beside what was answered, and why. */
function Explained({ codebook, answers, expected, text }: ExplainedProps) {
  const shown = applicable(codebook, answers);
  const lines = codebook.questions.filter(({ id }) => expected[id] !== undefined);
  const given = (question: Question) =>
    !shown.has(question.id) ? words.notApplicable : inWords(question, answers.get(question.id));
  const differs = lines.some((question) => given(question) !== inWords(question, expected[question.id]));
  return (
    <section class="question" role="status">
      <h1>{differs ? words.differs : words.asExpected}</h1>
      <p class="given" dir="auto">
        {text}
      </p>
      <dl>
        {lines.map((question) => (
          <div key={question.id}>
            <dt dir="auto">{question.text}</dt>
            <dd>
              {words.expected}: <b dir="auto">{inWords(question, expected[question.id])}</b>
            </dd>
            <dd>
              {words.yours}: <b dir="auto">{given(question)}</b>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function inWords({ answers }: Question, given: Given | undefined): string {
  if (given === undefined) return words.notAnswered;
  if (given === CANNOT_TELL) return words.cannotTell;
  return answers.flatMap(({ id, text }) => ([given].flat().includes(id) ? text : [])).join(', ');
}
