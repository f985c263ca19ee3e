import { useMemo, useState } from 'preact/hooks';
import { wilson } from '../../../../lib/findings/proportion.ts';
import { cancelAudit, readManifest } from '../../api/client.ts';
import type { AuditStatus, ImageCounts, Waiting } from '../../api/types.ts';
import { finishedOf, type LiveAudit } from '../../live/audit.ts';
import { useChanges, useSignal } from '../../live/use.ts';
import { seedsInWords } from '../../model/axes.ts';
import { timeLeft } from '../../model/estimate.ts';
import { outcomeOfAll } from '../../model/rates.ts';
import { Confirm } from '../../parts/dialog.tsx';
import { HideImages } from '../../parts/notice.tsx';
import { Share } from '../../parts/proportion.tsx';
import { saveFile } from '../../parts/save.ts';
import { useTask } from '../../parts/task.ts';
import { When } from '../../parts/when.tsx';
import { helpWords, statusWords } from '../../words/audit.ts';
import { unseenInWords, words } from '../../words/outcomes.ts';

function WhyItWaits({ waiting: { why, detail, until } }: { waiting: Waiting }) {
  return (
    <p class="banner" role="status">
      {statusWords.waits(why, until)} <span class="meta">{statusWords.detail(why, detail)}</span>
    </p>
  );
}

/** How many images show nothing, and why. Audits that finished before images were counted are counted here. */
function Unseen({ live: { cells }, images }: { live: LiveAudit; images: ImageCounts | undefined }) {
  const version = useChanges(images ? undefined : cells);
  const counted = useMemo(
    () => images ?? (cells.loaded < cells.plan.cells ? undefined : outcomeOfAll(cells).images),
    [images, cells, version],
  );
  const unseen = counted ? unseenInWords(counted) : '';
  return unseen === '' ? null : <> · {words.imagesUnseen(unseen)}</>;
}

/** What the audit has cost, and what its open predictions may still cost. Nothing for free models. */
function Cost({ cost: { spent, reserved } }: { cost: NonNullable<AuditStatus['cost']> }) {
  if (spent + reserved === 0) return null;
  return <> · {statusWords.cost(spent, reserved)}</>;
}

/** The status of an audit, and what can be done with it as a whole. */
export function StatusBar({ live, onHelp }: { live: LiveAudit; onHelp: () => void }) {
  const status = useSignal(live.status);
  const { counts, images, predictions, state, waiting, manifest, cost } = status;
  const open = counts.waiting + counts.running;
  const finished = finishedOf(status);
  const left = timeLeft(live.marks, open);
  const answered = counts.succeeded + counts.refused;
  const seeds = live.plan.prompts.length > 1 ? seedsInWords(live.plan) : undefined;
  return (
    <header class="status">
      <div class="title">
        <h1 dir="auto">{status.name}</h1>
        <p class="meta">
          <When at={status.createdAt} />
          {statusWords.about(status.createdBy, live.plan.seed, seeds, status.retention)}
        </p>
      </div>
      <Actions live={live} status={status} onHelp={onHelp} />
      <div
        class="progress"
        role="progressbar"
        aria-label={statusWords.progress}
        aria-valuenow={finished}
        aria-valuemin={0}
        aria-valuemax={predictions}
      >
        {(['succeeded', 'refused', 'failed', 'canceled', 'running'] as const).map((name) => (
          <span key={name} class={name} style={{ width: `${(counts[name] / predictions) * 100}%` }} />
        ))}
      </div>
      <p class="counts" aria-live="polite">
        <b>{statusWords.of(finished, predictions)}</b> {statusWords.state(state)}
        {counts.running > 0 && <> · {statusWords.inProgress(counts.running)}</>}
        {state === 'running' && left !== undefined && <> · {statusWords.left(left)}</>}
        {open === 0 && !manifest && <> · {statusWords.manifestFollows}</>}
        {answered > 0 && (
          <>
            {' '}
            · <i class="key refused" /> <Share of={wilson(counts.refused, answered)} what={words.refused} />
          </>
        )}
        {counts.failed > 0 && (
          <>
            {' '}
            · <i class="key failed" />{' '}
            <Share of={wilson(counts.failed, answered + counts.failed)} what={words.failed} />
          </>
        )}
        {counts.canceled > 0 && (
          <>
            {' '}
            · <i class="key canceled" /> {statusWords.canceled(counts.canceled)}
          </>
        )}
        <Unseen live={live} images={images} />
        {cost && <Cost cost={cost} />}
      </p>
      {waiting && <WhyItWaits waiting={waiting} />}
    </header>
  );
}

function Actions({ live, status, onHelp }: { live: LiveAudit; status: AuditStatus; onHelp: () => void }) {
  const [asking, setAsking] = useState(false);
  const { id, state, manifest } = status;
  const cancel = useTask(async () => {
    await cancelAudit(id);
    setAsking(false);
    live.poll();
  });
  const take = useTask(async (format: 'json' | 'csv') =>
    saveFile(await readManifest(id, format), `weaudit-${id}.${format}`),
  );
  const why = manifest ? undefined : statusWords.whenManifest;
  return (
    <div class="actions">
      {state === 'running' && (
        <button type="button" onClick={() => setAsking(true)}>
          {statusWords.cancel}
        </button>
      )}
      {(['json', 'csv'] as const).map((format) => (
        <button
          key={format}
          type="button"
          disabled={!manifest || take.busy}
          title={why}
          onClick={() => take.run(format)}
        >
          {statusWords.manifest(format)}
        </button>
      ))}
      <HideImages />
      <button type="button" class="quiet" onClick={onHelp} aria-label={helpWords.label}>
        ?
      </button>
      {take.problem && (
        <p class="error" role="alert">
          {take.problem}
        </p>
      )}
      {asking && (
        <Confirm
          title={statusWords.cancelTitle}
          action={statusWords.cancelAction}
          busy={cancel.busy}
          problem={cancel.problem}
          onConfirm={() => cancel.run()}
          onClose={() => setAsking(false)}
        >
          <p>{statusWords.cancelMeans}</p>
        </Confirm>
      )}
    </div>
  );
}
