import { useState } from 'preact/hooks';
import { ROUND } from '../../../../lib/limits.ts';
import { giveSlot } from '../../api/rounds.ts';
import { Alert } from '../../parts/alert.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { TextField } from '../../parts/field.tsx';
import { useTask } from '../../parts/task.ts';
import { roundWords as words } from '../../words/rounds.ts';

interface Props {
  round: string;
  slot: number;
  /** Whether a rater has the slot now. */
  replaces: boolean;
  onClose: () => void;
}

/** Makes a link for a rater, and shows it this once. */
export function LinkDialog({ round, slot, replaces, onClose }: Props) {
  const [name, setName] = useState('');
  const [link, setLink] = useState<string>();
  const [copied, setCopied] = useState(false);
  const make = useTask(async () => {
    const { url } = await giveSlot(round, slot, name.trim());
    setLink(new URL(url, location.origin).href);
  });
  const copy = useTask(async () => {
    await navigator.clipboard.writeText(link ?? '');
    setCopied(true);
  });
  return (
    <Dialog label={words.inviteTitle(slot)} class="confirm" onClose={onClose}>
      <h2>{words.inviteTitle(slot)}</h2>
      {link ? (
        <>
          <p>{words.linkOnce}</p>
          <input
            type="text"
            readOnly
            aria-label={words.links}
            value={link}
            onFocus={(event) => event.currentTarget.select()}
          />
          <div class="buttons">
            <button type="button" onClick={() => copy.run()}>
              {copied ? words.copied : words.copy}
            </button>
            <button type="button" class="primary" onClick={onClose}>
              {words.done}
            </button>
          </div>
        </>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void make.run();
          }}
        >
          {replaces && <p>{words.replaceMeans}</p>}
          <TextField
            id="rater-name"
            label={words.nameField}
            hint={words.nameHint}
            autocomplete="off"
            maxLength={ROUND.textLength}
            value={name}
            onText={setName}
          />
          <Alert text={make.problem} />
          <div class="buttons">
            <button type="button" onClick={onClose}>
              {words.cancel}
            </button>
            <button type="submit" class="primary" disabled={make.busy}>
              {words.makeLink}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
