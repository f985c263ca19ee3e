import { useEffect, useMemo, useState } from 'preact/hooks';
import { addUp, type Totals } from '../../../../lib/contract/counted.ts';
import { deleteStudy, readPlan, readStatus, removeFromStudy } from '../../api/client.ts';
import type { AuditEntry, AuditStatus, Study } from '../../api/types.ts';
import type { Saved } from '../../archive/state.ts';
import { Cells } from '../../live/cells.ts';
import { type LiveStudy, MOST_PROMPTS, openStudy, type PromptsOf } from '../../live/study.ts';
import { useOnline, useSignal } from '../../live/use.ts';
import { useOpened } from '../../live/use-opened.ts';
import { type Common, commonPrompts } from '../../model/common.ts';
import { Alert } from '../../parts/alert.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { Endings, finishedIn, ProgressBar } from '../../parts/progress.tsx';
import { useTask } from '../../parts/task.ts';
import { Unopened } from '../../parts/unopened.tsx';
import { When } from '../../parts/when.tsx';
import { words as appWords } from '../../words/app.ts';
import { statusWords } from '../../words/audit.ts';
import { words as listWords } from '../../words/audits.ts';
import { words as outcomeWords, unseenInWords } from '../../words/outcomes.ts';
import { words } from '../../words/studies.ts';
import { DownloadAll } from '../audit/archive.tsx';

/** A study: several audits as one. */
export function StudyPage() {
  const id = new URLSearchParams(location.search).get('id') ?? '';
  const { live, problem, retry } = useOpened(id, openStudy, words);
  if (problem) return <Unopened problem={problem} retry={id ? retry : undefined} />;
  if (!live) return <p class="empty">{words.loading}</p>;
  return <StudyView live={live} />;
}

/** What is known of an audit: its status, or what the list says of one that is finished. */
function knownOf(audit: AuditEntry, status: AuditStatus | undefined): Totals | undefined {
  if (status) return status;
  return audit.counts && { predictions: audit.predictions, counts: audit.counts, images: audit.images };
}

function StudyView({ live }: { live: LiveStudy }) {
  const study = useSignal(live.study);
  const statuses = useSignal(live.statuses);
  const prompts = useSignal(live.prompts);
  const problem = useSignal(live.problem);
  const online = useOnline();
  const { audits } = study;
  const known = audits.map((audit) => knownOf(audit, statuses.get(audit.id)));
  const common = useMemo(
    () =>
      commonPrompts(
        new Map([...prompts].flatMap(([id, { comparable }]) => (comparable ? [[id, comparable]] : []))),
      ),
    [prompts],
  );
  useEffect(() => {
    document.title = appWords.documentTitle(study.name);
  }, [study.name]);
  const remove = useTask(async (audit: AuditEntry) => {
    await removeFromStudy(study.id, audit.id);
    live.poll();
  });
  const isLeftOut = [...prompts.values()].some(({ comparable }) => comparable === undefined);
  return (
    <article class="study">
      <Head live={live} known={known} />
      {problem && online && (
        <p class="banner" role="status">
          {problem}
        </p>
      )}
      {audits.length === 0 && <p class="empty">{words.noAudits}</p>}
      {isLeftOut && <p class="hint">{words.notCompared(MOST_PROMPTS)}</p>}
      <Alert text={remove.problem} />
      {audits.map((audit, place) => (
        <AuditSection
          key={audit.id}
          audit={audit}
          known={known[place]}
          prompts={prompts.get(audit.id)}
          common={common.get(audit.id)}
          repeated={audits
            .filter(({ id }) => common.get(audit.id)?.repeated.includes(id))
            .map((one) => one.name)}
          busy={remove.busy}
          onRemove={() => remove.run(audit)}
        />
      ))}
    </article>
  );
}

/** What a file of the whole study is made from. */
async function openAudits(study: Study): Promise<Saved> {
  const audits = await Promise.all(
    study.audits.map(async ({ id }) => {
      const [plan, status] = await Promise.all([readPlan(id), readStatus(id)]);
      return { status, cells: new Cells(plan, () => {}) };
    }),
  );
  return { id: study.id, audits, study };
}

/** The study as one: its name, and the counts of all of its audits. */
function Head({ live, known }: { live: LiveStudy; known: (Totals | undefined)[] }) {
  const { id, name, createdAt, createdBy, audits } = useSignal(live.study);
  const [deleting, setDeleting] = useState(false);
  const remove = useTask(async () => {
    await deleteStudy(id);
    location.assign('/audits.html');
  });
  const read = known.filter((totals) => totals !== undefined);
  const { counts, predictions, images } = addUp(read);
  const imported = audits.reduce(
    (sum, { source }, place) => sum + (source === 'imported' ? (known[place]?.counts.succeeded ?? 0) : 0),
    0,
  );
  const statuses = useSignal(live.statuses);
  const isWritten = audits.every((audit) => audit.finished || statuses.get(audit.id)?.manifest);
  const finished = read.filter((totals) => finishedIn(totals.counts) === totals.predictions).length;
  const unseen = images ? unseenInWords(images, counts.refused) : '';
  return (
    <header class="status">
      <div class="title">
        <h1 dir="auto">{name}</h1>
        <p class="meta">
          <When at={createdAt} />
          {words.about(createdBy, audits.length)}
        </p>
      </div>
      <div class="actions">
        <a class="button" href="/audits.html?all">
          {words.single}
        </a>
        {audits.length > 0 && (
          <DownloadAll
            id={id}
            open={() => openAudits(live.study.value)}
            why={isWritten ? undefined : statusWords.whenManifest}
          />
        )}
        {audits.length > 0 && (
          <a class="button" href={`/round.html?${audits.map((audit) => `audit=${audit.id}`).join('&')}`}>
            {statusWords.rate}
          </a>
        )}
        <button type="button" onClick={() => setDeleting(true)}>
          {words.delete}
        </button>
      </div>
      {predictions > 0 && <ProgressBar counts={counts} predictions={predictions} />}
      {audits.length > 0 && (
        <p class="counts" aria-live="polite">
          <b>{statusWords.of(finishedIn(counts), predictions)}</b> {statusWords.done}
          {' · '}
          {read.length < audits.length
            ? words.readSoFar(read.length, audits.length)
            : words.finishedAudits(finished, audits.length)}
          {counts.running > 0 && <> · {statusWords.inProgress(counts.running)}</>}
          <Endings counts={counts} imported={imported} />
          {unseen !== '' && <> · {outcomeWords.imagesUnseen(unseen)}</>}
        </p>
      )}
      {deleting && (
        <Confirm
          title={words.deleteTitle(name)}
          action={words.delete}
          keep={words.keep}
          busy={remove.busy}
          problem={remove.problem}
          onConfirm={() => remove.run()}
          onClose={() => setDeleting(false)}
        >
          <p>{words.deleteMeans}</p>
        </Confirm>
      )}
    </header>
  );
}

interface SectionProps {
  audit: AuditEntry;
  known: Totals | undefined;
  prompts: PromptsOf | undefined;
  common: Common | undefined;
  /** Names of audits that requested the same. */
  repeated: string[];
  busy: boolean;
  onRemove: () => void;
}

/** One audit of a study: how far it is, and what it asks. */
function AuditSection({ audit, known, prompts, common, repeated, busy, onRemove }: SectionProps) {
  const { id, name, createdAt, createdBy, predictions } = audit;
  const address = `/audit.html?id=${id}`;
  const isImported = audit.source === 'imported';
  const unseen = known?.images ? unseenInWords(known.images, known.counts.refused) : '';
  return (
    <section class="part" aria-label={name}>
      <h2>
        <a href={address} dir="auto">
          {name}
        </a>
      </h2>
      <p class="meta">
        <When at={createdAt} /> · {isImported && listWords.imported}
        <bdi>{createdBy}</bdi> · {(isImported ? listWords.pictures : listWords.predictions)(predictions)}
      </p>
      {known && <ProgressBar counts={known.counts} predictions={predictions} />}
      {known && (
        <p class="counts">
          <b>{statusWords.of(finishedIn(known.counts), predictions)}</b> {statusWords.done}
          <Endings counts={known.counts} imported={isImported ? known.counts.succeeded : 0} />
          {unseen !== '' && <> · {outcomeWords.imagesUnseen(unseen)}</>}
        </p>
      )}
      {prompts && (
        <>
          <ul class="prompts">
            {prompts.first.map((text) => (
              <li key={text} dir="auto">
                {text}
              </li>
            ))}
            {prompts.count > prompts.first.length && (
              <li class="meta">{words.morePrompts(prompts.count - prompts.first.length)}</li>
            )}
          </ul>
          {common && <p class="meta">{words.shared(common.prompts, prompts.count, common.audits)}</p>}
          {repeated.length > 0 && <p class="equal">{words.repeated(repeated)}</p>}
        </>
      )}
      <p class="actions">
        <a class="button" href={address}>
          {words.open}
        </a>
        <button
          type="button"
          class="quiet"
          aria-label={words.takeOutNamed(name)}
          disabled={busy}
          onClick={onRemove}
        >
          {words.takeOut}
        </button>
      </p>
    </section>
  );
}
