import { useState } from 'preact/hooks';
import type { PublishedEntry } from '../../../../lib/contract/published.ts';
import { Alert } from '../../parts/alert.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { useTask } from '../../parts/task.ts';
import { words as appWords } from '../../words/app.ts';
import { words } from '../../words/table.ts';
import type { Draft } from './draft.ts';
import { listPublished, loadPublished } from './published.ts';

/** Offers the published designs of this site. */
export function PublishedButton({ fill }: { fill: (part: Partial<Draft>) => void }) {
  const [isOpen, setOpen] = useState(false);
  const [entries, setEntries] = useState<PublishedEntry[]>();
  const list = useTask(async () => setEntries(await listPublished()));
  const use = useTask(async (entry: PublishedEntry) => {
    const { name, samples, prompts, compare = [], reference = '', about } = await loadPublished(entry);
    fill({
      ...{ way: 'table', table: prompts, name, samples, compare, reference },
      opened: { name: about.source.citation, notes: about.differs },
    });
    setOpen(false);
  });
  const problem = list.problem ?? use.problem;
  return (
    <>
      <button
        type="button"
        class="chip"
        onClick={() => {
          setOpen(true);
          if (!entries) list.run();
        }}
      >
        {words.published}
      </button>
      {isOpen && (
        <Dialog label={words.publishedTitle} class="published" onClose={() => setOpen(false)}>
          <h2>{words.publishedTitle}</h2>
          <p>{words.publishedHint}</p>
          <Alert text={problem} />
          {!entries && !problem && <p>{words.loadingPublished}</p>}
          <ul>
            {entries?.map((entry) => (
              <li key={entry.file}>
                <div>
                  <b>{entry.name}</b>
                  <p class="hint">
                    {words.size(entry.prompts, entry.samples)} ·{' '}
                    {entry.exact ? words.exact : words.reconstructed}
                  </p>
                  <p class="hint">
                    <a href={entry.url} target="_blank" rel="noreferrer">
                      {entry.citation}
                    </a>{' '}
                    · {words.license(entry.license)}
                  </p>
                </div>
                <button type="button" disabled={use.busy} onClick={() => use.run(entry)}>
                  {words.use}
                </button>
              </li>
            ))}
          </ul>
          <div class="buttons">
            <button type="button" onClick={() => setOpen(false)}>
              {appWords.close}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
