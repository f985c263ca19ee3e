import { imagesShown, showImages } from '../images/notice.ts';
import { useSignal } from '../live/use.ts';
import { words } from '../words/app.ts';

/** A notice before the first images of a session. No image is fetched before it is answered. */
export function ContentNotice() {
  if (useSignal(imagesShown)) return null;
  return (
    <section class="notice" aria-label={words.beforeYouLook}>
      <p>
        <b>{words.disturbing}</b> {words.whyDisturbing}
      </p>
      <button type="button" class="primary" onClick={() => showImages(true)}>
        {words.showImages}
      </button>
    </section>
  );
}

export function HideImages() {
  if (!useSignal(imagesShown)) return null;
  return (
    <button type="button" class="quiet" onClick={() => showImages(false)}>
      {words.hideImages}
    </button>
  );
}
