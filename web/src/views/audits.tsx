import { useEffect, useState } from 'preact/hooks';
import { deleteAudit, readAudits } from '../api/client.ts';
import type { AuditEntry } from '../api/types.ts';
import { Confirm } from '../parts/dialog.tsx';
import { useTask } from '../parts/task.ts';
import { When } from '../parts/when.tsx';

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
        <h1>Audits</h1>
        <p aria-live="polite">
          {chosen.length === 2 ? (
            <a class="button primary" href={`/compare.html?a=${chosen[0]}&b=${chosen[1]}`}>
              Compare these two
            </a>
          ) : (
            'Select two audits to compare them.'
          )}
        </p>
      </div>
      {more.problem && (
        <p class="error" role="alert">
          {more.problem}{' '}
          <button type="button" onClick={() => more.run(cursor)}>
            Try again
          </button>
        </p>
      )}
      {audits?.length === 0 && !cursor && (
        <p class="empty">
          No audits yet. <a href="/">Start the first one.</a>
        </p>
      )}
      {audits && audits.length > 0 && (
        <ul class="list">
          {audits.map((audit) => (
            <li key={audit.id}>
              <input
                type="checkbox"
                aria-label={`Select ${audit.name} for comparison`}
                checked={chosen.includes(audit.id)}
                onChange={(event) => choose(audit.id, event.currentTarget.checked)}
              />
              <a href={`/audit.html?id=${audit.id}`}>{audit.name}</a>
              <span class="meta">
                <When at={audit.createdAt} /> · {audit.createdBy} · {audit.predictions.toLocaleString('en')}{' '}
                {audit.predictions === 1 ? 'prediction' : 'predictions'}
              </span>
              <span class={`state ${audit.finished ? 'done' : 'open'}`}>
                {audit.finished ? 'finished' : 'running'}
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={`Delete ${audit.name}`}
                onClick={() => setDeleting(audit)}
              >
                Delete
              </button>
            </li>
          ))}
        </ul>
      )}
      {cursor && (
        <button type="button" disabled={more.busy} onClick={() => more.run(cursor)}>
          Show older audits
        </button>
      )}
      {deleting && (
        <Confirm
          title={`Delete “${deleting.name}”?`}
          action="Delete audit"
          busy={remove.busy}
          problem={remove.problem}
          onConfirm={() => remove.run(deleting)}
          onClose={() => setDeleting(undefined)}
        >
          <p>
            The audit and its images disappear from this page for everyone. Running predictions are canceled.
          </p>
          <p>
            <b>The backup keeps</b> the plan, the manifests and every image stored so far. They cannot be
            deleted from this page. An operator can restore the audit from them.
          </p>
        </Confirm>
      )}
    </section>
  );
}
