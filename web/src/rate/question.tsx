import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { CANNOT_TELL } from '../../../lib/contract/gates.ts';
import type { Given, Question } from '../../../lib/contract/round-request.ts';
import { MONK_TONES } from '../../../lib/rounds/templates.ts';
import { words } from '../words/rate.ts';
import { keyOf } from './keys.ts';

/** The key of “cannot tell”. Letters and digits belong to the codebook. */
const CANNOT_TELL_KEY = '.';

interface Props {
  question: Question;
  /** Whether a scale is shown from its end: half of the raters see it so. */
  flipped: boolean;
  /** Whether an answer can be given: only to a picture that is seen. */
  enabled: boolean;
  onAnswer: (given: Given) => void;
}

const toneOf = (id: string): string | undefined => MONK_TONES[Number(/^monk-(\d+)$/.exec(id)?.[1]) - 1];

/** Whether a key is for the page: not for a field, a dialog, or the browser. */
export const isForPage = (event: KeyboardEvent): boolean =>
  !event.repeat &&
  !event.ctrlKey &&
  !event.metaKey &&
  !event.altKey &&
  !(event.target as Element).closest?.('dialog,input,textarea,select');

/** A question with a button and a key for each answer. The caller gives each question and picture a `key` of its own. */
export function QuestionCard({ question, flipped, enabled, onAnswer }: Props) {
  const { kind, text, definition } = question;
  const [chosen, setChosen] = useState<string[]>([]);
  const heading = useRef<HTMLHeadingElement>(null);
  const answers = kind === 'scale' && flipped ? question.answers.toReversed() : question.answers;
  const choose = (id: string) => {
    if (kind !== 'any') return onAnswer(id);
    setChosen((now) => (now.includes(id) ? now.filter((one) => one !== id) : [...now, id]));
  };
  // In the order of the codebook, whatever was chosen first.
  const done = () => onAnswer(question.answers.map(({ id }) => id).filter((id) => chosen.includes(id)));
  const keys = useRef<(event: KeyboardEvent) => void>(() => {});
  keys.current = (event) => {
    if (!enabled || !isForPage(event)) return;
    const answer = question.answers.find(({ key }) => key === keyOf(event));
    if (answer) choose(answer.id);
    else if (event.key === CANNOT_TELL_KEY) onAnswer(CANNOT_TELL);
    else if (event.key === 'Enter' && kind === 'any' && chosen.length > 0 && !isOtherButton(event)) done();
    else return;
    event.preventDefault();
  };
  // With the question itself: a key that comes before the next paint is for what is on the screen.
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent) => keys.current(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
  // A screen reader says the next question, and no button reacts to the next key.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section class="question">
      <h1 ref={heading} tabIndex={-1} dir="auto">
        {text}
      </h1>
      {definition && (
        <p class="hint" dir="auto">
          {definition}
        </p>
      )}
      {kind === 'any' && <p class="hint">{words.chooseAny}</p>}
      {kind === 'scale' && <p class="hint">{words.scaleEnds}</p>}
      <div class={`answers${question.answers.length > 5 ? ' many' : ''}`}>
        {answers.map(({ id, text: answer, definition: meaning, key }) => (
          <button
            key={id}
            type="button"
            class="answer"
            disabled={!enabled}
            aria-pressed={kind === 'any' ? chosen.includes(id) : undefined}
            onClick={() => choose(id)}
          >
            <kbd>{key.toUpperCase()}</kbd>
            {toneOf(id) && <i class="tone" style={{ background: toneOf(id)! }} />}
            <span dir="auto">
              {answer}
              {meaning && <small>{meaning}</small>}
            </span>
          </button>
        ))}
        <button type="button" class="answer" disabled={!enabled} onClick={() => onAnswer(CANNOT_TELL)}>
          <kbd>{CANNOT_TELL_KEY}</kbd>
          <span>{words.cannotTell}</span>
        </button>
      </div>
      {kind === 'any' && (
        <button
          type="button"
          class="primary big"
          disabled={!enabled || chosen.length === 0}
          onClick={() => done()}
        >
          {words.done}
        </button>
      )}
    </section>
  );
}

/** Enter on a button of the tools is for that button. */
const isOtherButton = (event: KeyboardEvent): boolean =>
  (event.target as Element).closest?.('.tools') !== null;
