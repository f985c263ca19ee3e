import { signal } from '../live/signal.ts';

const NAME = 'weaudit-images-shown';

/** Whether the person has said that images may be shown. Asked once a session, before the first is fetched. */
export const imagesShown = signal(sessionStorage.getItem(NAME) === 'yes');

export function showImages(shown: boolean): void {
  sessionStorage.setItem(NAME, shown ? 'yes' : 'no');
  imagesShown.set(shown);
}
