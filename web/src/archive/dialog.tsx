import { useEffect, useMemo } from 'preact/hooks';
import type { Cells } from '../live/cells.ts';
import type { Signal } from '../live/signal.ts';
import { useChanges, useSignal } from '../live/use.ts';
import { Alert } from '../parts/alert.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { words } from '../words/archive.ts';
import { type Contents, contentsOf, sumOf } from './contents.ts';
import { folderOf } from './files.ts';
import { MOST_IN_MEMORY, MOST_OF_STUDY, saveArchive, writesToDisk } from './save.ts';
import type { ArchiveState, Saved } from './state.ts';

/** Names of missing files that are listed. */
const MOST_NAMES = 5;

interface Props {
  saved: Saved;
  state: Signal<ArchiveState>;
  /** Ends the download. */
  abort: { current: AbortController | undefined };
  onClose: () => void;
}

/** Saves a whole audit as one file. The download continues while the dialog is closed. */
export function ArchiveDialog({ saved, state, abort, onClose }: Props) {
  const { id, audits } = saved;
  const now = useSignal(state);
  const all = useMemo(
    () => ({
      listen(listener: () => void) {
        const stops = audits.map(({ cells }) => cells.listen(listener));
        return () => {
          for (const stop of stops) stop();
        };
      },
    }),
    [saved],
  );
  const version = useChanges(all);
  // All are loaded, also those that no view shows.
  useEffect(() => {
    for (const { cells } of audits) cells.want('archive', []);
  }, [saved]);
  const contents = useMemo(() => {
    const found = audits.flatMap(({ cells }) => contentsOf(cells) ?? []);
    return found.length === audits.length ? found : undefined;
  }, [saved, version]);
  const sum = (count: (cells: Cells) => number) =>
    audits.reduce((before, { cells }) => before + count(cells), 0);
  const predictions = sum(({ plan }) => plan.cells);
  const isStudy = saved.study !== undefined;
  const bytes = writesToDisk() || !contents ? 0 : sumOf(contents).bytes;
  const tooLarge =
    isStudy && predictions > MOST_OF_STUDY
      ? words.studyTooLarge(MOST_OF_STUDY)
      : bytes > MOST_IN_MEMORY && words.tooLarge(bytes, MOST_IN_MEMORY);
  const isRunning = now.kind === 'running';
  const isDone = now.kind === 'done';
  const start = (contents: Contents[]) => {
    abort.current = new AbortController();
    void saveArchive(saved, contents, state, abort.current.signal);
  };
  return (
    <Dialog label={words.title(isStudy)} class="confirm" onClose={onClose}>
      <h2>{words.title(isStudy)}</h2>
      {isRunning ? (
        <Running now={now} />
      ) : isDone ? null : tooLarge ? (
        <>
          <p>{tooLarge}</p>
          <Command text={words.command(id)} />
        </>
      ) : contents ? (
        <Holds contents={contents} audits={isStudy ? audits.length : undefined} />
      ) : (
        <p role="status">
          {words.counting(
            sum((cells) => cells.loaded),
            predictions,
          )}
        </p>
      )}
      <Outcome now={now} audit={id} />
      <div class="buttons">
        <button type="button" class={isDone ? 'primary' : ''} onClick={onClose}>
          {words.close}
        </button>
        {isRunning ? (
          <button type="button" onClick={() => abort.current?.abort()}>
            {words.cancel}
          </button>
        ) : (
          !tooLarge && (
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

/** What the file will have. @param audits of a study */
function Holds({ contents, audits }: { contents: Contents[]; audits: number | undefined }) {
  const { images, blank, bytes, withheld } = sumOf(contents);
  return (
    <>
      <p>{words.holds(images - blank, blank, bytes, audits)}</p>
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
  if (now.kind === 'failed') return <Alert text={now.why} />;
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
