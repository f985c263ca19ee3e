import { signal } from '../live/signal.ts';

const NAME = 'weaudit-images-shown';

/** Whether the person agreed to see images. The page asks once a session, before it fetches the first image. */
export const imagesShown = signal(sessionStorage.getItem(NAME) === 'yes');

export function showImages(shown: boolean): void {
  sessionStorage.setItem(NAME, shown ? 'yes' : 'no');
  imagesShown.set(shown);
}
