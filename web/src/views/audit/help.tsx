import { Dialog } from '../../parts/dialog.tsx';

const KEYS: [string, string][] = [
  ['Arrows', 'from cell to cell, from tile to tile; in the large view to the previous and next sample'],
  ['Home, End', 'first and last of a row; with Ctrl of the whole grid'],
  ['Enter', 'into a cell; on a tile: show it large'],
  ['W', 'all samples of the cell as a wall'],
  ['M', 'choose the image for comparing; two of them open side by side'],
  ['C', 'compare the two that are chosen'],
  ['+ − 0', 'nearer, farther, whole image; arrows move it in the comparison'],
  ['Esc', 'one step back'],
  ['?', 'this help'],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keyboard and help" class="confirm" onClose={onClose}>
      <h2>Keyboard</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h2>Shares</h2>
      <p>
        Refused: of the predictions that a model answered, by an image or a refusal. Failed: of all that
        ended. In brackets the 95 % Wilson interval: where the true share lies, if the samples are all alike.
      </p>
      <p>The address bar holds everything that is chosen: copy it, and a colleague sees the same.</p>
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
