import { imagesShown, showImages } from '../images/notice.ts';
import { useSignal } from '../live/use.ts';

/** Before the first images of a session. Nothing is fetched until it is answered. */
export function ContentNotice() {
  if (useSignal(imagesShown)) return null;
  return (
    <section class="notice" aria-label="Before you look">
      <p>
        <b>Made by machines, and it may disturb.</b> Audits ask models for what they may do badly: the images
        can be demeaning, violent or sexual. They are evidence of models, not pictures of people. You can hide
        them again at any time.
      </p>
      <button type="button" class="primary" onClick={() => showImages(true)}>
        Show images
      </button>
    </section>
  );
}

export function HideImages() {
  if (!useSignal(imagesShown)) return null;
  return (
    <button type="button" class="quiet" onClick={() => showImages(false)}>
      Hide images
    </button>
  );
}
