import { useEffect, useState } from 'preact/hooks';
import { deleteAudit, readAudits } from '../api/client.ts';
import type { AuditEntry } from '../api/types.ts';
import { Confirm } from '../parts/dialog.tsx';
import { useTask } from '../parts/task.ts';
import { When } from '../parts/when.tsx';
import { words as appWords } from '../words/app.ts';
import { words } from '../words/audits.ts';

/** All audits, newest first. Two can be selected for comparison. */
export function AuditsPage() {
  const [audits, setAudits] = useState<AuditEntry[]>();
  const [cursor, setCursor] = useState<string>();
  const [chosen, setChosen] = useState<string[]>([]);
  const [deleting, setDeleting] = useState<AuditEntry>();
  const more = useTask(async (from?: string) => {
    const page = await readAudits(from);
    setAudits((known) => [...(from ? (known ?? []) : []), ...page.audits]);
    setCursor(page.cursor);
  });
  useEffect(() => void more.run(), []);
  const remove = useTask(async (audit: AuditEntry) => {
    await deleteAudit(audit.id);
    setAudits((known) => known?.filter(({ id }) => id !== audit.id));
    setChosen((known) => known.filter((id) => id !== audit.id));
    setDeleting(undefined);
  });
  const choose = (id: string, yes: boolean) =>
    setChosen((known) => (yes ? [...known, id].slice(-2) : known.filter((other) => other !== id)));

  return (
    <section class="audits">
      <div class="lead">
        <h1>{words.title}</h1>
        <p aria-live="polite">
          {chosen.length === 2 ? (
            <a class="button primary" href={`/compare.html?a=${chosen[0]}&b=${chosen[1]}`}>
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
      {audits && audits.length > 0 && (
        <ul class="list">
          {audits.map((audit) => (
            <li key={audit.id}>
              <input
                type="checkbox"
                aria-label={words.select(audit.name)}
                checked={chosen.includes(audit.id)}
                onChange={(event) => choose(audit.id, event.currentTarget.checked)}
              />
              <a href={`/audit.html?id=${audit.id}`} dir="auto">
                {audit.name}
              </a>
              <span class="meta">
                <When at={audit.createdAt} /> · <bdi>{audit.createdBy}</bdi> ·{' '}
                {words.predictions(audit.predictions)}
              </span>
              <span class={`state ${audit.finished ? 'done' : 'open'}`}>
                {audit.finished ? words.finished : words.running}
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={words.deleteNamed(audit.name)}
                onClick={() => setDeleting(audit)}
              >
                {words.delete}
              </button>
            </li>
          ))}
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
