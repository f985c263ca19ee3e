import { useEffect, useState } from 'preact/hooks';

/** How the page showed images before there were renditions (decision 0053): replaces two modules of the page. */

const EDGE = 400;
const QUALITY = 0.82;
const AT_ONCE = 4;
const WORKERS = 2;

const WORKER = `onmessage = async ({ data: { id, blob } }) => {
  const whole = await createImageBitmap(blob);
  const scale = Math.min(1, ${EDGE} / Math.max(whole.width, whole.height));
  const canvas = new OffscreenCanvas(Math.round(whole.width * scale), Math.round(whole.height * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  postMessage({ id, small: await canvas.convertToBlob({ type: 'image/webp', quality: ${QUALITY} }) });
}`;

const done = new Map();
const workers = Array.from({ length: WORKERS }, () => {
  const worker = new Worker(URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' })));
  worker.onmessage = ({ data }) => done.get(data.id)(data.small);
  return worker;
});
let count = 0;
function scaled(blob) {
  const id = count++;
  workers[id % WORKERS].postMessage({ id, blob });
  return new Promise((resolve) => done.set(id, resolve));
}

const waiting = [];
let running = 0;
function work() {
  while (running < AT_ONCE && waiting.length > 0) {
    running++;
    waiting
      .shift()()
      .finally(() => {
        running--;
        work();
      });
  }
}

/** Every tile that is rendered loads its image. */
export const useInSight = () => true;

export function useImage(cells, n, index, _size, wanted) {
  const [shown, setShown] = useState({});
  useEffect(() => {
    if (!wanted) return;
    waiting.push(async () => {
      const answer = await fetch(await cells.address(n, index, 'original'));
      setShown({ url: URL.createObjectURL(await scaled(await answer.blob())) });
    });
    queueMicrotask(work);
  }, [cells, n, index, wanted]);
  return shown;
}
