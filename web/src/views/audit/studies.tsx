import { useEffect, useState } from 'preact/hooks';
import { addToStudy, readStudies, removeFromStudy } from '../../api/client.ts';
import type { StudyEntry } from '../../api/types.ts';
import { Alert } from '../../parts/alert.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { StudyField } from '../../parts/study-field.tsx';
import { useTask } from '../../parts/task.ts';
import { words } from '../../words/studies.ts';

/** The studies that an audit is in. */
export function StudiesOf({ audit, onClose }: { audit: string; onClose: () => void }) {
  const [studies, setStudies] = useState<StudyEntry[]>();
  const [name, setName] = useState('');
  const read = useTask(async () =>
    setStudies((await readStudies()).filter(({ audits }) => audits.includes(audit))),
  );
  const add = useTask(async () => {
    await addToStudy(name, [audit]);
    setName('');
    await read.run();
  });
  const remove = useTask(async (study: string) => {
    await removeFromStudy(study, audit);
    await read.run();
  });
  useEffect(() => void read.run(), []);
  const problem = read.problem ?? add.problem ?? remove.problem;
  return (
    <Dialog label={words.dialog} class="confirm" onClose={onClose}>
      <h2>{words.dialog}</h2>
      {studies && <p>{studies.length > 0 ? words.isIn : words.isInNone}</p>}
      {studies && studies.length > 0 && (
        <ul class="studies">
          {studies.map((study) => (
            <li key={study.id}>
              <a href={`/study.html?id=${study.id}`} dir="auto">
                {study.name}
              </a>{' '}
              <button
                type="button"
                class="quiet"
                aria-label={words.takeOutNamed(study.name)}
                disabled={remove.busy}
                onClick={() => remove.run(study.id)}
              >
                {words.takeOut}
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== '') void add.run();
        }}
      >
        <StudyField value={name} onChange={setName} />
        <Alert text={problem} />
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {words.close}
          </button>
          <button type="submit" class="primary" disabled={add.busy || name.trim() === ''}>
            {words.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
