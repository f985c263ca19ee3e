import { useMemo, useState } from 'preact/hooks';
import { wilson } from '../../../../lib/findings/proportion.ts';
import { formatDollars } from '../../../../lib/money/price.ts';
import { cancelAudit, readManifest } from '../../api/client.ts';
import type { AuditStatus, ImageCounts, Waiting } from '../../api/types.ts';
import { finishedOf, type LiveAudit } from '../../live/audit.ts';
import { useChanges, useSignal } from '../../live/use.ts';
import { seedsInWords } from '../../model/axes.ts';
import { roughly, timeLeft } from '../../model/estimate.ts';
import { outcomeOfAll, unseenInWords } from '../../model/rates.ts';
import { Confirm } from '../../parts/dialog.tsx';
import { HideImages } from '../../parts/notice.tsx';
import { Share } from '../../parts/proportion.tsx';
import { saveFile } from '../../parts/save.ts';
import { useTask } from '../../parts/task.ts';
import { clock, When } from '../../parts/when.tsx';

/** Words after `24 of 36`. */
const STATES: Record<AuditStatus['state'], string> = {
  running: 'done',
  finished: 'finished',
  canceling: 'done · canceling',
  canceled: 'done · canceled',
};

const WAITING: Record<string, string> = {
  'rate limit': 'Replicate’s rate limit is reached. The audit resumes automatically.',
  credit:
    'The Replicate account has no credit left. The audit resumes automatically after an operator adds credit.',
  token:
    'Replicate rejects the pipeline’s token. The audit resumes automatically after an operator renews it.',
};

function WhyItWaits({ waiting: { why, detail, until } }: { waiting: Waiting }) {
  return (
    <p class="banner" role="status">
      {WAITING[why] ?? `The audit is waiting: ${why}.`} Next attempt at {clock(until)}. No results are lost.{' '}
      <span class="meta">Replicate says: {detail}</span>
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
  const words = counted ? unseenInWords(counted) : '';
  return words === '' ? null : <> · images: {words}</>;
}

/** What the audit has cost, and what its open predictions may still cost. Nothing for free models. */
function Cost({ cost: { spent, reserved } }: { cost: NonNullable<AuditStatus['cost']> }) {
  if (spent + reserved === 0) return null;
  return (
    <>
      {' '}
      · cost: {formatDollars(spent)}
      {reserved > 0 && <>, and up to {formatDollars(reserved)} more is reserved</>}
    </>
  );
}

/** The status of an audit, and what can be done with it as a whole. */
export function StatusBar({ live, onHelp }: { live: LiveAudit; onHelp: () => void }) {
  const status = useSignal(live.status);
  const { counts, images, predictions, state, waiting, manifest, cost } = status;
  const open = counts.waiting + counts.running;
  const finished = finishedOf(status);
  const left = timeLeft(live.marks, open);
  const answered = counts.succeeded + counts.refused;
  return (
    <header class="status">
      <div class="title">
        <h1>{status.name}</h1>
        <p class="meta">
          <When at={status.createdAt} /> · {status.createdBy} · seed {live.plan.seed}
          {live.plan.prompts.length > 1 && <>, seeds {seedsInWords(live.plan)}</>} · retention:{' '}
          {status.retention}
        </p>
      </div>
      <Actions live={live} status={status} onHelp={onHelp} />
      <div
        class="progress"
        role="progressbar"
        aria-label="Predictions done"
        aria-valuenow={finished}
        aria-valuemin={0}
        aria-valuemax={predictions}
      >
        {(['succeeded', 'refused', 'failed', 'canceled', 'running'] as const).map((name) => (
          <span key={name} class={name} style={{ width: `${(counts[name] / predictions) * 100}%` }} />
        ))}
      </div>
      <p class="counts" aria-live="polite">
        <b>
          {finished.toLocaleString('en')} of {predictions.toLocaleString('en')}
        </b>{' '}
        {STATES[state]}
        {counts.running > 0 && <> · {counts.running} in progress</>}
        {state === 'running' && left !== undefined && <> · {roughly(left)} left</>}
        {open === 0 && !manifest && <> · the manifest follows in some seconds</>}
        {answered > 0 && (
          <>
            {' '}
            · <i class="key refused" /> <Share of={wilson(counts.refused, answered)} what="refused" />
          </>
        )}
        {counts.failed > 0 && (
          <>
            {' '}
            · <i class="key failed" />{' '}
            <Share of={wilson(counts.failed, answered + counts.failed)} what="failed" />
          </>
        )}
        {counts.canceled > 0 && (
          <>
            {' '}
            · <i class="key canceled" /> {counts.canceled} canceled
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
  const why = manifest
    ? undefined
    : 'Available a few minutes after the last prediction has finished and its images are backed up.';
  return (
    <div class="actions">
      {state === 'running' && (
        <button type="button" onClick={() => setAsking(true)}>
          Cancel
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
          Manifest {format.toUpperCase()}
        </button>
      ))}
      <HideImages />
      <button type="button" class="quiet" onClick={onHelp} aria-label="Keyboard and help">
        ?
      </button>
      {take.problem && (
        <p class="error" role="alert">
          {take.problem}
        </p>
      )}
      {asking && (
        <Confirm
          title="Cancel this audit?"
          action="Cancel audit"
          busy={cancel.busy}
          problem={cancel.problem}
          onConfirm={() => cancel.run()}
          onClose={() => setAsking(false)}
        >
          <p>Pending predictions are skipped and running ones are canceled. Stored images are kept.</p>
        </Confirm>
      )}
    </div>
  );
}
