/** Pictures ahead of the one that is rated, which the browser fetches and decodes early. */
const AHEAD = 4;

/** A picture that the browser is getting. */
export interface Ready {
  /** Decoded, so that it is drawn in the frame in which it is inserted. */
  element: HTMLImageElement;
  done: Promise<void>;
}

/** What has to be shown: a name for the picture and its address. */
export interface Wanted {
  id: string;
  url: string;
}

/** Fetches and decodes pictures before they are shown. */
export class Pictures {
  readonly #ready = new Map<string, Ready>();
  /** The address of a picture, read again because the one that it had has expired; undefined if it is not shown any more. */
  readonly #renew: (id: string) => Promise<string | undefined>;

  constructor(renew: (id: string) => Promise<string | undefined>) {
    this.#renew = renew;
  }

  /**
   * Gets the first of these and some of those behind it, and forgets all others.
   * @param before the one that an undo would show
   */
  want(wanted: readonly Wanted[], before?: Wanted): void {
    const near = wanted.slice(0, 1 + AHEAD);
    const names = new Set([before?.id, ...near.map(({ id }) => id)]);
    for (const [id, { element }] of this.#ready)
      if (!names.has(id)) {
        // Ends a transfer that nobody waits for.
        element.removeAttribute('src');
        this.#ready.delete(id);
      }
    for (const one of near) this.get(one);
  }

  /** A picture, fetched once. A failed one is fetched again by the next call. */
  get({ id, url }: Wanted): Ready {
    const existing = this.#ready.get(id);
    if (existing) return existing;
    const element = new Image();
    element.referrerPolicy = 'no-referrer';
    element.draggable = false;
    const decode = (address: string) => {
      element.src = address;
      return element.decode();
    };
    const done = decode(url).catch(async () => {
      // The browser does not say why it failed; most often the address has expired.
      if (this.#ready.get(id)?.element !== element) return;
      const renewed = await this.#renew(id);
      if (renewed === undefined) throw new Error('gone');
      await decode(renewed);
    });
    done.catch(() => {
      if (this.#ready.get(id)?.element === element) this.#ready.delete(id);
    });
    const ready = { element, done };
    this.#ready.set(id, ready);
    return ready;
  }
}
