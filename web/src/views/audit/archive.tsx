import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ArchiveState } from '../../archive/state.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { signal } from '../../live/signal.ts';
import { useSignal } from '../../live/use.ts';
import { statusWords as words } from '../../words/audit.ts';

/**
 * The button that saves a whole audit as one file. What makes the file is loaded when it is pressed.
 * @param why there is nothing to save yet
 */
export function DownloadAll({ live, why }: { live: LiveAudit; why: string | undefined }) {
  const state = useMemo(() => signal<ArchiveState>({ kind: 'idle' }), [live]);
  const abort = useRef<AbortController>(undefined);
  const [archive, setArchive] = useState<typeof import('../../archive/dialog.tsx')>();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string>();
  const now = useSignal(state);
  useEffect(() => () => abort.current?.abort(), [live]);
  const show = async () => {
    setProblem(undefined);
    try {
      setArchive(await import('../../archive/dialog.tsx'));
      setOpen(true);
    } catch {
      // A page that was open during a deployment asks for a file that has another name by now.
      setProblem(words.downloadNotLoaded);
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
      {archive && open && (
        <archive.ArchiveDialog live={live} state={state} abort={abort} onClose={() => setOpen(false)} />
      )}
    </>
  );
}
