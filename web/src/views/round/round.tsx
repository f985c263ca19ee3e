import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import {
  clearReport,
  closeRound,
  deleteRound,
  forgetNames,
  readRound,
  withdrawRater,
} from '../../api/rounds.ts';
import type { Round, RoundPlanAnswer } from '../../api/types.ts';
import { Alert } from '../../parts/alert.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { useTask } from '../../parts/task.ts';
import { When } from '../../parts/when.tsx';
import { words as appWords } from '../../words/app.ts';
import { words as findingsWords } from '../../words/findings.ts';
import { words as newWords, roundWords as words } from '../../words/rounds.ts';
import { CodebookList } from './codebook.tsx';
import { LinkDialog } from './link.tsx';

const POLL_MS = 15_000;
type Slot = Round['progress'][number];
type Rater = Slot['raters'][number];

/** How many ratings of a slot are done: by the last rater, and by those before. */
const doneIn = ({ total, raters }: Slot): number =>
  Math.min(
    total,
    raters.reduce((sum, { answered, withdrawn }) => sum + (withdrawn ? 0 : answered), 0),
  );

/** A round: how far its raters are, links for them, and its end. It says nothing of what was answered. */
export function RoundView({ first, decided }: { first: Round; decided: RoundPlanAnswer }) {
  const [round, setRound] = useState(first);
  const [asking, setAsking] = useState<'close' | 'delete' | 'forget'>();
  const { id, name, state, items, ratings, progress, audits } = round;
  const read = useTask(async () => setRound(await readRound(id)));
  const isWaiting = state === 'open';
  useEffect(() => {
    document.title = appWords.documentTitle(name);
    if (!isWaiting) return;
    const timer = setInterval(() => !document.hidden && void read.run(), POLL_MS);
    return () => clearInterval(timer);
  }, [isWaiting]);
  const act = useTask(async (what: NonNullable<typeof asking>) => {
    await { close: closeRound, delete: deleteRound, forget: forgetNames }[what](id);
    setAsking(undefined);
    if (what === 'delete') location.assign(`/audit.html?id=${audits[0]}`);
    else await read.run();
  });
  const done = progress.reduce((sum, slot) => sum + doneIn(slot), 0);
  const all = progress.reduce((sum, { total }) => sum + total, 0);
  const confirm = (what: NonNullable<typeof asking>, title: string, action: string, keep: string) =>
    asking === what && {
      ...{ title, action, keep, busy: act.busy, problem: act.problem },
      onConfirm: () => void act.run(what),
      onClose: () => setAsking(undefined),
    };
  const closing = confirm('close', words.closeTitle, words.close, words.keepOpen);
  const deleting = confirm('delete', words.deleteTitle(name), words.delete, words.keepRound);
  const forgetting = confirm('forget', words.forgetTitle, words.forget, words.keepNames);
  return (
    <article class="study round">
      <header class="status">
        <div class="title">
          <h1 dir="auto">{name}</h1>
          <p class="meta">
            <When at={round.createdAt} />
            {words.about(round.createdBy)} · {words.size(items, ratings)}
          </p>
        </div>
        <div class="actions">
          {audits.map((audit) => (
            <a key={audit} class="button" href={`/audit.html?id=${audit}`}>
              {newWords.toAudit}
            </a>
          ))}
          <button type="button" disabled={read.busy} onClick={() => read.run()}>
            {words.refresh}
          </button>
          {state === 'open' && (
            <button type="button" onClick={() => setAsking('close')}>
              {words.close}
            </button>
          )}
          <button type="button" class="quiet" onClick={() => setAsking('forget')}>
            {words.forget}
          </button>
          <button type="button" class="quiet" onClick={() => setAsking('delete')}>
            {words.delete}
          </button>
        </div>
        <div
          class="progress"
          role="progressbar"
          aria-label={words.progressLabel}
          aria-valuenow={done}
          aria-valuemin={0}
          aria-valuemax={all}
        >
          <span class="succeeded" style={{ width: `${(done / Math.max(1, all)) * 100}%` }} />
        </div>
        <p class="counts" aria-live="polite">
          <b>{words.progress(done, all)}</b>
          {round.closedAt && (
            <>
              {' '}
              · {words.closed} {round.snapshot ? words.counted : words.counting}
            </>
          )}
        </p>
        {read.problem && (
          <p class="banner" role="status">
            {read.problem}
          </p>
        )}
      </header>
      <section class="part" aria-label={words.raters}>
        <h2>{words.raters}</h2>
        {state === 'open' && <p class="hint">{words.noShares}</p>}
        <Slots round={round} onChange={() => void read.run()} />
        <Reported round={round} onChange={() => void read.run()} />
      </section>
      {state === 'closed' && <Findings decided={decided} onRead={() => void read.run()} />}
      <Decided decided={decided} />
      {closing && (
        <Confirm {...closing}>
          <p>{words.closeMeans}</p>
          {done < all && <p>{words.unfinished(all - done)}</p>}
        </Confirm>
      )}
      {deleting && (
        <Confirm {...deleting}>
          <p>{words.deleteMeans}</p>
        </Confirm>
      )}
      {forgetting && (
        <Confirm {...forgetting}>
          <p>{words.forgetMeans}</p>
        </Confirm>
      )}
    </article>
  );
}

/** The findings, which are read and calculated when somebody asks for them. */
function Findings({ decided, onRead }: { decided: RoundPlanAnswer; onRead: () => void }) {
  const [view, setView] = useState<ComponentChildren>();
  const [progress, setProgress] = useState('');
  const read = useTask(async () => {
    const [{ readFindings }, { FindingsView }] = await Promise.all([
      import('./read-findings.ts'),
      import('./findings.tsx'),
    ]);
    setView(<FindingsView of={await readFindings(decided, setProgress)} />);
    // The first reader has the snapshot written.
    onRead();
  });
  if (view) return view;
  return (
    <section class="part" aria-label={findingsWords.title}>
      <h2>{findingsWords.title}</h2>
      <Alert text={read.problem} />
      <div>
        <button type="button" class="primary" disabled={read.busy} onClick={() => read.run()}>
          {findingsWords.show}
        </button>
      </div>
      <p role="status">{read.busy && progress}</p>
    </section>
  );
}

/** Slots with their raters, and what can be done for each. */
function Slots({ round, onChange }: { round: Round; onChange: () => void }) {
  const { id, progress, state } = round;
  const [linking, setLinking] = useState<Slot>();
  // The rater who is shown: the slot may be another's by now.
  const [leaving, setLeaving] = useState<Rater>();
  const withdraw = useTask(async (rater: string) => {
    await withdrawRater(id, rater);
    setLeaving(undefined);
    onChange();
  });
  return (
    <>
      <ul class="slots">
        {progress.map((slot) => {
          const last = slot.raters.at(-1);
          const isOpen = state === 'open';
          const holds = last && !last.withdrawn;
          return (
            <li key={slot.slot}>
              <span class="who">
                <b>
                  {words.slot} {slot.slot}
                </b>{' '}
                {last ? (
                  <>
                    <bdi>{last.name ?? last.pseudonym}</bdi>
                    {last.withdrawn && <> · {words.withdrawn}</>}
                    {slot.raters.slice(0, -1).map((one) => (
                      <span key={one.rater} class="hint">
                        {' '}
                        · {words.before} <bdi>{one.name ?? one.pseudonym}</bdi>
                        {one.withdrawn ? (
                          <>, {words.withdrawn}</>
                        ) : (
                          <>
                            {' '}
                            <button
                              type="button"
                              class="quiet"
                              aria-label={words.forRater(words.withdraw, one.rater)}
                              onClick={() => setLeaving(one)}
                            >
                              {words.withdraw}
                            </button>
                          </>
                        )}
                      </span>
                    ))}
                  </>
                ) : (
                  <span class="hint">{words.nobody}</span>
                )}
              </span>
              <span class="meta">
                {words.answered}: {words.of(doneIn(slot), slot.total)}
                {last && last.skipped > 0 && (
                  <>
                    {' '}
                    · {words.skipped}: {last.skipped}
                  </>
                )}
                {last?.agreedAt && (
                  <>
                    {' '}
                    · {words.agreed} <When at={last.agreedAt} />
                  </>
                )}
              </span>
              <span class="buttons">
                {isOpen && (
                  <button
                    type="button"
                    aria-label={words.forSlot(holds ? words.replace : words.invite, slot.slot)}
                    onClick={() => setLinking(slot)}
                  >
                    {holds ? words.replace : words.invite}
                  </button>
                )}
                {holds && (
                  <button
                    type="button"
                    class="quiet"
                    aria-label={words.forSlot(words.withdraw, slot.slot)}
                    onClick={() => setLeaving(last)}
                  >
                    {words.withdraw}
                  </button>
                )}
              </span>
            </li>
          );
        })}
      </ul>
      {linking && (
        <LinkDialog
          round={id}
          slot={linking.slot}
          replaces={linking.raters.at(-1)?.withdrawn === false}
          onClose={() => {
            setLinking(undefined);
            onChange();
          }}
        />
      )}
      {leaving && (
        <Confirm
          title={words.withdrawTitle(leaving.name ?? leaving.pseudonym, leaving.rater)}
          action={words.withdraw}
          keep={words.keepRater}
          busy={withdraw.busy}
          problem={withdraw.problem}
          onConfirm={() => void withdraw.run(leaving.rater)}
          onClose={() => setLeaving(undefined)}
        >
          <p>{words.withdrawMeans}</p>
        </Confirm>
      )}
    </>
  );
}

/** Pictures that a rater has reported. Somebody may have done so by mistake. */
function Reported({ round: { id, reported, state }, onChange }: { round: Round; onChange: () => void }) {
  const clear = useTask(async (image: string) => {
    await clearReport(id, image);
    onChange();
  });
  if (reported.length === 0) return null;
  return (
    <>
      <p class="hint">{words.reported(reported.length)}</p>
      <ul class="prompts">
        {reported.map((image) => {
          const [audit, n, index] = image.split('/');
          return (
            <li key={image}>
              <a href={`/audit.html?id=${audit}&image=${Number(n)}.${index}`}>
                {words.reportedPicture(Number(n))}
              </a>{' '}
              {state === 'open' && (
                <button type="button" disabled={clear.busy} onClick={() => clear.run(image)}>
                  {words.showAgain}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      <Alert text={clear.problem} />
    </>
  );
}

/** What was decided before the first label. */
function Decided({ decided: { plan, codebook } }: { decided: RoundPlanAnswer }) {
  const answerText = (question: string, answer: string) =>
    codebook.questions.find(({ id }) => id === question)?.answers.find(({ id }) => id === answer)?.text ??
    answer;
  return (
    <section class="part" aria-label={words.frozen}>
      <h2>{words.frozen}</h2>
      {plan.contrasts.length === 0 && <p class="hint">{words.noContrasts}</p>}
      <ul class="prompts">
        {plan.contrasts.map((contrast) => (
          <li key={JSON.stringify(contrast)}>
            {words.contrast(
              answerText(contrast.question, contrast.answer),
              'model' in contrast.between ? newWords.model : contrast.between.factor,
              contrast.between.one,
              contrast.between.other,
            )}
          </li>
        ))}
      </ul>
      <p dir="auto">
        {words.exclusions}: {plan.exclusions || words.none}
      </p>
      <details>
        <summary>{newWords.codebook(codebook.questions.length)}</summary>
        <CodebookList codebook={codebook} />
      </details>
      <details>
        <summary>{words.consent}</summary>
        <p class="given" dir="auto">
          {plan.consent}
        </p>
      </details>
    </section>
  );
}
