import { useMemo, useState } from 'preact/hooks';
import { cancelAudit, readManifest } from '../../api/client.ts';
import type { AuditStatus, ImageCounts, Waiting } from '../../api/types.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges, useSignal } from '../../live/use.ts';
import { seedsInWords } from '../../model/axes.ts';
import { timeLeft } from '../../model/estimate.ts';
import { outcomeOfAll } from '../../model/rates.ts';
import { Alert } from '../../parts/alert.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { HideImages } from '../../parts/notice.tsx';
import { Endings, finishedIn, ProgressBar } from '../../parts/progress.tsx';
import { saveFile } from '../../parts/save.ts';
import { useTask } from '../../parts/task.ts';
import { When } from '../../parts/when.tsx';
import { helpWords, statusWords } from '../../words/audit.ts';
import { unseenInWords, words } from '../../words/outcomes.ts';
import { words as studyWords } from '../../words/studies.ts';
import { DownloadAll } from './archive.tsx';
import { StudiesOf } from './studies.tsx';

function WhyItWaits({ waiting: { why, detail, until } }: { waiting: Waiting }) {
  return (
    <p class="banner" role="status">
      {statusWords.waits(why, until)} <span class="meta">{statusWords.detail(why, detail)}</span>
    </p>
  );
}

/** How many images show nothing, and why. Audits that finished before images were counted are counted here. */
function Unseen({
  live: { cells },
  images,
  refused,
}: {
  live: LiveAudit;
  images: ImageCounts | undefined;
  refused: number;
}) {
  const version = useChanges(images ? undefined : cells);
  const counted = useMemo(
    () => images ?? (cells.loaded < cells.plan.cells ? undefined : outcomeOfAll(cells).images),
    [images, cells, version],
  );
  const unseen = counted ? unseenInWords(counted, refused) : '';
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
  const finished = finishedIn(counts);
  const left = timeLeft(live.marks, open);
  const isImported = status.source === 'imported';
  const seeds = live.plan.prompts.length > 1 && !isImported ? seedsInWords(live.plan) : undefined;
  const by = isImported ? statusWords.importedBy(status.createdBy) : status.createdBy;
  return (
    <header class="status">
      <div class="title">
        <h1 dir="auto">{status.name}</h1>
        <p class="meta">
          <When at={status.createdAt} />
          {statusWords.about(by, live.plan.seed, seeds, status.retention)}
        </p>
      </div>
      <Actions live={live} status={status} onHelp={onHelp} />
      <ProgressBar counts={counts} predictions={predictions} />
      <p class="counts" aria-live="polite">
        <b>{statusWords.of(finished, predictions)}</b> {statusWords.state(status)}
        {counts.running > 0 && <> · {statusWords.inProgress(counts.running)}</>}
        {state === 'running' && left !== undefined && <> · {statusWords.left(left)}</>}
        {open === 0 && !manifest && <> · {statusWords.manifestFollows}</>}
        <Endings counts={counts} imported={isImported ? counts.succeeded : 0} />
        <Unseen live={live} images={images} refused={counts.refused} />
        {cost && <Cost cost={cost} />}
      </p>
      {waiting && <WhyItWaits waiting={waiting} />}
    </header>
  );
}

function Actions({ live, status, onHelp }: { live: LiveAudit; status: AuditStatus; onHelp: () => void }) {
  const [asking, setAsking] = useState(false);
  const [studies, setStudies] = useState(false);
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
          title={why ?? statusWords.manifestIs[format]}
          onClick={() => take.run(format)}
        >
          {statusWords.manifest(format)}
        </button>
      ))}
      <DownloadAll id={id} open={() => ({ id, audits: [{ cells: live.cells, status }] })} why={why} />
      <button type="button" onClick={() => setStudies(true)}>
        {studyWords.button}
      </button>
      <a class="button" href={`/round.html?audit=${id}`}>
        {statusWords.rate}
      </a>
      <HideImages />
      <button type="button" class="quiet" onClick={onHelp} aria-label={helpWords.label}>
        ?
      </button>
      <Alert text={take.problem} />
      {studies && <StudiesOf audit={id} onClose={() => setStudies(false)} />}
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
