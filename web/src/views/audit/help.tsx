import { Dialog } from '../../parts/dialog.tsx';
import { words } from '../../words/app.ts';
import { helpWords } from '../../words/audit.ts';

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label={helpWords.label} class="confirm" onClose={onClose}>
      {/* It has the focus first: the button below would scroll to the end. */}
      <h2 tabIndex={-1}>{helpWords.keyboard}</h2>
      <dl class="keys">
        {helpWords.keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h2>{helpWords.shares}</h2>
      <p>{helpWords.aboutShares}</p>
      <p>{helpWords.aboutImages}</p>
      <h2>{helpWords.files}</h2>
      <p>{helpWords.aboutFiles}</p>
      <p>{helpWords.aboutAddress}</p>
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Dialog>
  );
}
