import { useEffect, useState } from 'preact/hooks';
import { addUp } from '../../../lib/contract/counted.ts';
import { studyLines } from '../../../lib/contract/study-lines.ts';
import { deleteAudit, readAudits, readStudies, readStudy } from '../api/client.ts';
import type { AuditEntry, Study, StudyEntry } from '../api/types.ts';
import { Confirm } from '../parts/dialog.tsx';
import { useTask } from '../parts/task.ts';
import { When } from '../parts/when.tsx';
import { words as appWords } from '../words/app.ts';
import { words } from '../words/audits.ts';
import { words as studyWords } from '../words/studies.ts';

/** Lines that “older” adds at least, and pages of audits that it reads for them at most. */
const LEAST_LINES = 10;
const MOST_PAGES = 5;
/** In the address: audits of studies are listed one by one, too. */
const FLAT = 'all';

/** All audits, newest first. Two can be selected for comparison. */
export function AuditsPage() {
  const [audits, setAudits] = useState<AuditEntry[]>();
  const [cursor, setCursor] = useState<string>();
  const [chosen, setChosen] = useState<string[]>([]);
  const [deleting, setDeleting] = useState<AuditEntry>();
  const [studies, setStudies] = useState<StudyEntry[]>([]);
  const [isFlat, setFlat] = useState(() => new URLSearchParams(location.search).has(FLAT));
  const show = (flat: boolean) => {
    setFlat(flat);
    history.replaceState(null, '', flat ? `?${FLAT}` : location.pathname);
  };
  const more = useTask(async (from?: string) => {
    const groups = from ? studies : await readStudies();
    const linesFor = studyLines(isFlat ? [] : groups);
    let read: AuditEntry[] = from ? (audits ?? []) : [];
    let lines = read.flatMap(linesFor).length;
    const enough = lines + LEAST_LINES;
    let next = from;
    // A page of audits may belong to one study, which is a line that is there already.
    for (let page = 0; page < MOST_PAGES && lines < enough; page++) {
      const { audits: found, cursor: after } = await readAudits(next);
      read = [...read, ...found];
      lines += found.flatMap(linesFor).length;
      next = after;
      if (!next) break;
    }
    setStudies(groups);
    setAudits(read);
    setCursor(next);
  });
  useEffect(() => void more.run(), []);
  const remove = useTask(async (audit: AuditEntry) => {
    await deleteAudit(audit.id);
    setAudits((known) => known?.filter(({ id }) => id !== audit.id));
    setChosen((known) => known.filter((id) => id !== audit.id));
    setDeleting(undefined);
  });
  // IDs of newer audits are smaller, so that lists begin with them.
  const [older, newer] = chosen.toSorted().reverse();
  const choose = (id: string, yes: boolean) =>
    setChosen((known) => (yes ? [...known, id].slice(-2) : known.filter((other) => other !== id)));

  return (
    <section class="audits">
      <div class="lead">
        <h1>{words.title}</h1>
        <p aria-live="polite">
          {chosen.length === 2 ? (
            <a class="button primary" href={`/compare.html?a=${older}&b=${newer}`}>
              {words.compare}
            </a>
          ) : (
            words.selectTwo
          )}
        </p>
      </div>
      {more.problem && (
        <p class="error" role="alert">
          {more.problem}{' '}
          <button type="button" onClick={() => more.run(cursor)}>
            {appWords.tryAgain}
          </button>
        </p>
      )}
      {audits?.length === 0 && !cursor && (
        <p class="empty">
          {words.none} <a href="/">{words.startFirst}</a>
        </p>
      )}
      {studies.length > 0 && (
        <label class="fold">
          <input type="checkbox" checked={isFlat} onChange={(event) => show(event.currentTarget.checked)} />{' '}
          {words.flat}
        </label>
      )}
      {audits && audits.length > 0 && (
        <ul class="list">
          {audits
            .flatMap(studyLines(isFlat ? [] : studies))
            .map((line) =>
              'audits' in line ? (
                <StudyItem key={line.id} entry={line} />
              ) : (
                <AuditItem
                  key={line.id}
                  audit={line}
                  chosen={chosen.includes(line.id)}
                  onChoose={(yes) => choose(line.id, yes)}
                  onDelete={() => setDeleting(line)}
                />
              ),
            )}
        </ul>
      )}
      {cursor && (
        <button type="button" disabled={more.busy} onClick={() => more.run(cursor)}>
          {words.older}
        </button>
      )}
      {deleting && (
        <Confirm
          title={words.deleteTitle(deleting.name)}
          action={words.deleteAction}
          busy={remove.busy}
          problem={remove.problem}
          onConfirm={() => remove.run(deleting)}
          onClose={() => setDeleting(undefined)}
        >
          <p>{words.deleteMeans}</p>
          <p>
            <b>{words.backupKeeps}</b> {words.whatBackupKeeps}
          </p>
        </Confirm>
      )}
    </section>
  );
}

interface AuditItemProps {
  audit: AuditEntry;
  chosen: boolean;
  onChoose: (yes: boolean) => void;
  onDelete: () => void;
}

function AuditItem({ audit, chosen, onChoose, onDelete }: AuditItemProps) {
  return (
    <li>
      <input
        type="checkbox"
        aria-label={words.select(audit.name)}
        checked={chosen}
        onChange={(event) => onChoose(event.currentTarget.checked)}
      />
      <a href={`/audit.html?id=${audit.id}`} dir="auto">
        {audit.name}
      </a>
      <span class="meta">
        <When at={audit.createdAt} /> · {audit.source === 'imported' && words.imported}
        <bdi>{audit.createdBy}</bdi> ·{' '}
        {(audit.source === 'imported' ? words.pictures : words.predictions)(audit.predictions)}
        <Outcomes of={[audit]} />
      </span>
      <span class={`state ${audit.finished ? 'done' : 'open'}`}>
        {audit.finished ? words.finished : words.running}
      </span>
      <button type="button" class="quiet" aria-label={words.deleteNamed(audit.name)} onClick={onDelete}>
        {words.delete}
      </button>
    </li>
  );
}

/** What became of audits, as far as they are finished. Nothing before the first is. */
function Outcomes({ of }: { of: AuditEntry[] }) {
  const known = of.flatMap(({ predictions, counts, images }) =>
    counts ? [{ predictions, counts, images }] : [],
  );
  if (known.length === 0) return null;
  const text = words.outcomes(
    addUp(known),
    of.every(({ source }) => source === 'imported'),
  );
  return text === '' ? null : <> · {text}</>;
}

/** A study as one line. What its audits are together is read when the line is there. */
function StudyItem({ entry }: { entry: StudyEntry }) {
  const [study, setStudy] = useState<Study>();
  useEffect(() => {
    readStudy(entry.id).then(setStudy, () => {});
  }, [entry.id]);
  const finished = study?.audits.filter((audit) => audit.finished).length ?? 0;
  const predictions = study?.audits.reduce((sum, audit) => sum + audit.predictions, 0) ?? 0;
  return (
    <li>
      <a href={`/study.html?id=${entry.id}`} dir="auto">
        {entry.name}
      </a>
      <span class="meta">
        <span class="tag">{studyWords.study}</span> <When at={entry.createdAt} /> ·{' '}
        <bdi>{entry.createdBy}</bdi>
        {study && <> · {words.predictions(predictions)}</>}
        {study && <Outcomes of={study.audits} />}
      </span>
      {study && (
        <span class={`state ${finished === study.audits.length ? 'done' : 'open'}`}>
          {studyWords.finishedAudits(finished, study.audits.length)}
        </span>
      )}
    </li>
  );
}
