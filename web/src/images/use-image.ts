import { useEffect, useState } from 'preact/hooks';
import type { Cells, Size } from '../live/cells.ts';
import { useAttempts } from '../parts/retry.ts';
import { imageWords } from '../words/app.ts';
import { fetchImage, ImageProblem } from './load.ts';

/**
 * The address of an image, once the browser has it; an `<img>` then shows it at once. The browser decides what it keeps
 * and how much memory that takes.
 * @param wanted whether it is to be loaded at all
 */
export function useImage(cells: Cells, n: number, index: number, size: Size, wanted: boolean) {
  const [shown, setShown] = useState<{ url?: string; problem?: Error }>({});
  const attempt = useAttempts(shown.problem);
  useEffect(() => {
    // The previous image must not be shown under this one's name.
    setShown((before) => (before.url || before.problem ? {} : before));
    if (!wanted) return;
    let gone = false;
    let bytes: string | undefined;
    const loader = new Image();
    // With CORS, because a download takes it from the browser's cache.
    loader.crossOrigin = 'anonymous';
    loader.referrerPolicy = 'no-referrer';
    const load = (url: string) =>
      new Promise<string>((resolve, reject) => {
        loader.onload = () => resolve(url);
        loader.onerror = reject;
        loader.src = url;
      });
    /** The browser does not say why it fails, such as for an expired address; reading the bytes renews it, or says why. */
    const read = async () => {
      const blob = await fetchImage(cells, n, index, size);
      bytes = URL.createObjectURL(blob);
      return load(bytes).catch(() => {
        throw new ImageProblem(imageWords.cannotDisplay);
      });
    };
    cells
      .address(n, index, size)
      .then((url) => (url === undefined ? read() : load(url).catch(read)))
      .then(
        (url) => gone || setShown({ url }),
        (error) => gone || setShown({ problem: error as Error }),
      );
    return () => {
      gone = true;
      // Ends a transfer that nobody waits for any more.
      loader.onerror = null;
      loader.removeAttribute('src');
      if (bytes) URL.revokeObjectURL(bytes);
    };
  }, [cells, n, index, size, wanted, attempt]);
  return shown;
}
