import { imagesShown, showImages } from '../images/notice.ts';
import { useSignal } from '../live/use.ts';

/** A notice before the first images of a session. No image is fetched before it is answered. */
export function ContentNotice() {
  if (useSignal(imagesShown)) return null;
  return (
    <section class="notice" aria-label="Before you look">
      <p>
        <b>AI-generated and possibly disturbing.</b> Audits test what models may do badly, so images can be
        demeaning, violent or sexual. They show how models behave, not real people. You can hide them again at
        any time.
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
