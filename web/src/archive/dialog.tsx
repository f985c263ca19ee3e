import { useMemo } from 'preact/hooks';
import type { LiveAudit } from '../live/audit.ts';
import type { Signal } from '../live/signal.ts';
import { useChanges, useSignal } from '../live/use.ts';
import { Dialog } from '../parts/dialog.tsx';
import { words } from '../words/archive.ts';
import { type Contents, contentsOf } from './contents.ts';
import { folderOf } from './files.ts';
import { MOST_IN_MEMORY, saveArchive, writesToDisk } from './save.ts';
import type { ArchiveState } from './state.ts';

/** Names of missing files that are listed. */
const MOST_NAMES = 5;

interface Props {
  live: LiveAudit;
  state: Signal<ArchiveState>;
  /** Ends the download. */
  abort: { current: AbortController | undefined };
  onClose: () => void;
}

/** Saves a whole audit as one file. The download continues while the dialog is closed. */
export function ArchiveDialog({ live, state, abort, onClose }: Props) {
  const { cells, plan } = live;
  const now = useSignal(state);
  const version = useChanges(cells);
  const contents = useMemo(() => contentsOf(cells), [cells, version]);
  const isTooLarge = !writesToDisk() && contents !== undefined && contents.bytes > MOST_IN_MEMORY;
  const isRunning = now.kind === 'running';
  const isDone = now.kind === 'done';
  const start = (contents: Contents) => {
    abort.current = new AbortController();
    void saveArchive(live, contents, state, abort.current.signal);
  };
  return (
    <Dialog label={words.title} class="confirm" onClose={onClose}>
      <h2>{words.title}</h2>
      {isRunning ? (
        <Running now={now} />
      ) : isDone ? null : contents ? (
        <Holds contents={contents} audit={plan.id} isTooLarge={isTooLarge} />
      ) : (
        <p role="status">{words.counting(cells.loaded, plan.cells)}</p>
      )}
      <Outcome now={now} audit={plan.id} />
      <div class="buttons">
        <button type="button" class={isDone ? 'primary' : ''} onClick={onClose}>
          {words.close}
        </button>
        {isRunning ? (
          <button type="button" onClick={() => abort.current?.abort()}>
            {words.cancel}
          </button>
        ) : (
          !isTooLarge && (
            <button
              type="button"
              class={isDone ? '' : 'primary'}
              disabled={!contents}
              onClick={() => contents && start(contents)}
            >
              {isDone ? words.again : words.save}
            </button>
          )
        )}
      </div>
    </Dialog>
  );
}

const Command = ({ text }: { text: string }) => (
  <p class="command">
    <code>{text}</code>
  </p>
);

/** What the file will have, or why there will be none. */
function Holds({ contents, audit, isTooLarge }: { contents: Contents; audit: string; isTooLarge: boolean }) {
  const { images, blank, bytes, withheld } = contents;
  if (isTooLarge)
    return (
      <>
        <p>{words.tooLarge(bytes, MOST_IN_MEMORY)}</p>
        <Command text={words.command(audit)} />
      </>
    );
  return (
    <>
      <p>{words.holds(images.length - blank, blank, bytes)}</p>
      {withheld.count > 0 && <p>{words.withheld(withheld.count, withheld.why)}</p>}
      <p class="hint">{writesToDisk() ? words.toDisk : words.inMemory}</p>
    </>
  );
}

function Running({ now: { done, of, bytes, all } }: { now: Extract<ArchiveState, { kind: 'running' }> }) {
  return (
    <>
      <div
        class="progress"
        role="progressbar"
        aria-label={words.progress}
        aria-valuenow={done}
        aria-valuemin={0}
        aria-valuemax={of}
      >
        <span class="succeeded" style={{ width: `${of === 0 ? 100 : (done / of) * 100}%` }} />
      </div>
      <p>{done < of ? words.soFar(done, of, bytes, all) : words.finishing}</p>
      <p class="hint">{words.goesOn}</p>
    </>
  );
}

/** How the last download ended. */
function Outcome({ now, audit }: { now: ArchiveState; audit: string }) {
  if (now.kind === 'canceled') return <p role="status">{words.canceled}</p>;
  if (now.kind === 'failed')
    return (
      <p class="error" role="alert">
        {now.why}
      </p>
    );
  if (now.kind !== 'done') return null;
  const { name, images, blank, bytes, missing, withoutRendition } = now;
  return (
    <>
      {missing.length > 0 ? (
        <>
          <p role="status" class="error">
            {words.missing(missing, MOST_NAMES)}
          </p>
          <Command text={words.complete(audit, folderOf(audit))} />
        </>
      ) : (
        <>
          <p role="status">{words.done(images - blank, blank, bytes, name)}</p>
          <p class="hint">{words.howToCheck}</p>
          <Command text={words.check(folderOf(audit))} />
        </>
      )}
      {withoutRendition > 0 && <p class="hint">{words.withoutRendition(withoutRendition)}</p>}
    </>
  );
}
