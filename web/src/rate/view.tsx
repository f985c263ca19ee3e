import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RatePage } from '../../../lib/contract/rounds.ts';
import { useSignal } from '../live/use.ts';
import { Alert } from '../parts/alert.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { words } from '../words/rate.ts';
import { keyOf } from './keys.ts';
import type { Ended, Outbox } from './outbox.ts';
import { Picture } from './picture.tsx';
import { PracticeView } from './practice.tsx';
import { isForPage, QuestionCard } from './question.tsx';
import type { Rating } from './rating.ts';

interface Props {
  first: RatePage;
  rating: Rating;
  outbox: Outbox;
  flipped: boolean;
  /** What this browser remembers of the rater. */
  memory: { agreed: boolean; agree: () => void };
}

type Stage = 'consent' | 'notice' | 'practice' | 'rating';

/** The rating page: consent, notice, practice, pictures, thanks. */
export function RateView({ first, rating, outbox, flipped, memory }: Props) {
  const [stage, setStage] = useState<Stage>(memory.agreed ? 'notice' : 'consent');
  const [blurred, setBlurred] = useState(true);
  const [paused, setPaused] = useState(false);
  const stopped = useSignal(outbox.ended);
  const unread = useSignal(rating.ended);
  const ended = stopped ?? unread;
  const now = useSignal(rating.now);
  const look = { blurred, onShow: () => setBlurred(false) };
  if (ended) return <End ended={ended} outbox={outbox} />;
  if (stage === 'consent')
    return (
      <Page title={words.before}>
        <p class="given" dir="auto">
          {first.consent}
        </p>
        <p class="hint">{words.disagree}</p>
        <button
          type="button"
          class="primary big"
          onClick={() => {
            memory.agree();
            setStage('notice');
          }}
        >
          {words.agree}
        </button>
      </Page>
    );
  if (stage === 'notice')
    return (
      <Page title={words.look}>
        <p>{words.disturbing}</p>
        {first.notice && (
          <p class="given" dir="auto">
            {first.notice}
          </p>
        )}
        <ul>
          {words.rights.map((right) => (
            <li key={right}>{right}</li>
          ))}
        </ul>
        <button
          type="button"
          class="primary big"
          // On a later visit the practice is known.
          onClick={() =>
            setStage(first.practice.length > 0 && first.answered.length === 0 ? 'practice' : 'rating')
          }
        >
          {words.go}
        </button>
      </Page>
    );
  if (stage === 'practice')
    return (
      <PracticeView
        practice={first.practice}
        codebook={first.codebook}
        flipped={flipped}
        {...look}
        onDone={() => setStage('rating')}
      />
    );
  if (now.kind === 'done') return <Done outbox={outbox} />;
  const at = now.kind === 'step' ? now.item.place + 1 : 0;
  if (paused)
    return (
      <Page title={words.pausedTitle}>
        <p>{words.paused(at, rating.total)}</p>
        <Waiting outbox={outbox} />
        <button type="button" class="primary big" onClick={() => setPaused(false)}>
          {words.resume}
        </button>
      </Page>
    );
  return (
    <Rate
      rating={rating}
      outbox={outbox}
      flipped={flipped}
      {...look}
      onBlur={() => setBlurred(true)}
      onPause={() => {
        setPaused(true);
        void outbox.send();
      }}
    />
  );
}

interface RateProps extends Pick<Props, 'rating' | 'outbox' | 'flipped'> {
  blurred: boolean;
  onShow: () => void;
  onBlur: () => void;
  onPause: () => void;
}

/** One picture, one question. */
function Rate({ rating, outbox, flipped, blurred, onShow, onBlur, onPause }: RateProps) {
  const now = useSignal(rating.now);
  const problem = useSignal(rating.problem);
  const [seen, setSeen] = useState('');
  const [reporting, setReporting] = useState(false);
  const keys = useRef<(event: KeyboardEvent) => void>(() => {});
  const item = now.kind === 'step' ? now.item : undefined;
  const question = now.kind === 'step' ? now.question : undefined;
  const name = item ? `${item.id}.${item.showing}` : '';
  const isAnswer = (key: string) => question?.answers.some((answer) => answer.key === key);
  keys.current = (event) => {
    if (!isForPage(event)) return;
    const key = keyOf(event);
    if (key === 'backspace' || (key === 'z' && !isAnswer(key))) rating.undo();
    else if (key === ',') rating.skip(now);
    else if (key === 'escape') onPause();
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    const listener = (event: KeyboardEvent) => keys.current(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
  if (!item || !question)
    return (
      <Page title={words.loading}>
        {problem && <p role="status">{words.listWaits(problem)}</p>}
        <Waiting outbox={outbox} />
      </Page>
    );
  const gray = question.kind === 'scale';
  return (
    <div class="rate">
      <div class="position">
        <progress max={rating.total} value={item.place} aria-label={words.title} />
        <b>{words.position(item.place + 1, rating.total)}</b>
      </div>
      <Picture
        key={name}
        get={() => rating.picture(item)}
        alt={words.picture(item.place + 1)}
        blurred={blurred}
        gray={gray}
        onShow={onShow}
        onSeen={() => setSeen(name)}
      />
      <div class="panel">
        <QuestionCard
          key={`${name} ${question.id} ${blurred}`}
          question={question}
          flipped={flipped}
          enabled={seen === name && !blurred && !reporting}
          onAnswer={(given) => rating.answer(given, now)}
        />
        <div class="tools" role="group">
          <button type="button" disabled={!rating.canUndo} onClick={() => rating.undo()}>
            <kbd>Z</kbd> {words.undo}
          </button>
          <button type="button" onClick={() => rating.skip(now)}>
            <kbd>,</kbd> {words.skip}
          </button>
          <button type="button" onClick={() => setReporting(true)}>
            {words.report}
          </button>
          <button type="button" onClick={onPause}>
            <kbd>{words.escape}</kbd> {words.pause}
          </button>
          {!blurred && (
            <button type="button" class="quiet" onClick={onBlur}>
              {words.blur}
            </button>
          )}
        </div>
        <Waiting outbox={outbox} />
      </div>
      {reporting && (
        <Dialog label={words.reportTitle} class="confirm" onClose={() => setReporting(false)}>
          <h2>{words.reportTitle}</h2>
          <p>{words.reportMeans}</p>
          <div class="buttons">
            <button type="button" onClick={() => setReporting(false)}>
              {words.keep}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => {
                setReporting(false);
                rating.report();
              }}
            >
              {words.reportAction}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** Says that answers wait while they cannot be sent. */
function Waiting({ outbox }: { outbox: Outbox }) {
  const waiting = useSignal(outbox.waiting);
  const problem = useSignal(outbox.problem);
  return (
    <p class="hint" role="status">
      {problem && waiting > 0 && words.waiting(waiting, problem)}
    </p>
  );
}

function Done({ outbox }: { outbox: Outbox }) {
  const waiting = useSignal(outbox.waiting);
  return (
    <Page title={words.thanks}>
      <p>{words.finished}</p>
      <p role="status">{waiting > 0 ? words.notSent(waiting) : words.allSent}</p>
      <Waiting outbox={outbox} />
    </Page>
  );
}

function End({ ended: { why, message }, outbox }: { ended: Ended; outbox: Outbox }) {
  const waiting = useSignal(outbox.waiting);
  return (
    <Page title={why === 'closed' ? words.closedTitle : words.refusedTitle}>
      <p>{why === 'closed' ? words.closed : message}</p>
      <Alert text={waiting > 0 && words.lost(waiting)} />
    </Page>
  );
}

/** A page of text. */
export function Page({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [title]);
  return (
    <section class="card text">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </section>
  );
}
