import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../api/client.ts';
import type { ArchiveState, Saved } from '../../archive/state.ts';
import { sentenceOf } from '../../live/audit.ts';
import { signal } from '../../live/signal.ts';
import { useSignal } from '../../live/use.ts';
import { statusWords as words } from '../../words/audit.ts';

/**
 * The button that saves a whole audit or study as one file. What makes the file is loaded when it is pressed.
 * @param id of what is saved
 * @param open called with each press
 * @param why there is nothing to save yet
 */
export function DownloadAll({
  id,
  open: read,
  why,
}: {
  id: string;
  open: () => Saved | Promise<Saved>;
  why: string | undefined;
}) {
  const state = useMemo(() => signal<ArchiveState>({ kind: 'idle' }), [id]);
  const abort = useRef<AbortController>(undefined);
  const [archive, setArchive] = useState<typeof import('../../archive/dialog.tsx')>();
  const [saved, setSaved] = useState<Saved>();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string>();
  const now = useSignal(state);
  useEffect(() => () => abort.current?.abort(), [id]);
  const show = async () => {
    setProblem(undefined);
    try {
      setArchive(await import('../../archive/dialog.tsx'));
      // While a download runs, its dialog shows it.
      if (now.kind !== 'running') setSaved(await read());
      setOpen(true);
    } catch (error) {
      // A page that was open during a deployment asks for a file that has another name by now.
      setProblem(error instanceof ApiError ? sentenceOf(error) : words.downloadNotLoaded);
    }
  };
  return (
    <>
      <button type="button" disabled={why !== undefined} title={why} onClick={show}>
        {now.kind === 'running' ? words.downloading(now.done, now.of) : words.downloadAll}
      </button>
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      {archive && saved && open && (
        <archive.ArchiveDialog saved={saved} state={state} abort={abort} onClose={() => setOpen(false)} />
      )}
    </>
  );
}
