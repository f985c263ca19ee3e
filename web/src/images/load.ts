import type { Cells, Size } from '../live/cells.ts';
import { imageWords as words } from '../words/app.ts';

/** Why an image cannot be shown, as a sentence for the person at the page. */
export class ImageProblem extends Error {
  override name = 'ImageProblem';
  /** Whether a retry later may succeed. */
  readonly temporary: boolean;
  constructor(message: string, temporary = false) {
    super(message);
    this.temporary = temporary;
  }
}

/** Always with CORS, because a browser does not reuse what it fetched without. */
const answer = (url: string, signal: AbortSignal | undefined): Promise<Response> =>
  fetch(url, {
    mode: 'cors',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    ...(signal ? { signal } : {}),
  }).catch(interrupted);

/**
 * The bytes of an image. An expired address is renewed without a word.
 * @param signal gives up; the image then counts as interrupted
 * @throws {ImageProblem} if they cannot be loaded
 */
export async function fetchImage(
  cells: Cells,
  n: number,
  index: number,
  size: Size,
  signal?: AbortSignal,
): Promise<Blob> {
  const url = await cells.address(n, index, size);
  if (!url) throw new ImageProblem(words.gone);
  let response = await answer(url, signal);
  if (response.status === 403 || response.status === 400) {
    const renewed = await cells.address(n, index, size, url);
    if (renewed && renewed !== url) response = await answer(renewed, signal);
  }
  if (response.ok) return response.blob().catch(interrupted);
  if (response.status >= 500 || response.status === 429) throw new ImageProblem(words.notLoaded, true);
  throw new ImageProblem(words.refused(response.status));
}

/** No answer arrived, or only a part of one. */
function interrupted(): never {
  throw new ImageProblem(navigator.onLine ? words.notLoaded : words.offline, true);
}
