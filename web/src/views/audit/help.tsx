import { Dialog } from '../../parts/dialog.tsx';

const KEYS: [string, string][] = [
  ['Arrows', 'move between cells or tiles; in the large view, to the previous or next sample'],
  ['Home, End', 'go to the first or last cell of a row; with Ctrl, of the grid'],
  ['Enter', 'go into a cell; on a tile, show it large'],
  ['W', 'show all samples of the cell as a wall'],
  ['M', 'select the image for comparison'],
  ['C', 'compare the two selected images'],
  ['+ − 0', 'zoom in, zoom out, fit; in the comparison, arrows move the images'],
  ['Esc', 'go back one step'],
  ['?', 'show this help'],
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
        “Refused” is the share of refusals among predictions that succeeded or were refused. “Failed” is the
        share of failures among all finished predictions. The range in brackets is the 95 % Wilson interval:
        the true share is probably within it.
      </p>
      <p>
        Images that show nothing are counted by their reason. “Filtered”: the model’s filter dropped it. If
        the filter dropped all images of a prediction, that prediction is also “refused”: refusals count
        predictions, the others count images. “Blank”: the model returned one even area, which several models
        do instead of refusing. “Quarantined”: not a valid image. “Lost”: it could not be stored.
      </p>
      <p>The address contains your view. Send it to a colleague, who then sees the same.</p>
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
