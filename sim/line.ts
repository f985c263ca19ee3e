import type { HttpResponse } from '../lib/http/problem.ts';
import type { Chance } from './kernel.ts';
import type { ApiRequest, World } from './world.ts';

/** Shares of requests. */
export interface LineOptions {
  /** The request never arrives, or its answer does not. */
  lost: number;
  /** It arrives minutes after its sender has given up. */
  late: number;
  /** It arrives twice. */
  doubled: number;
}

/** Browsers and proxies give up by then. */
const PATIENCE_MS = 60_000;

/** Somebody's connection to the API: requests and answers are lost on it, come late, or arrive twice. */
export class Line {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #options: LineOptions;
  /** Nothing arrives before. */
  offlineUntil = 0;

  constructor(world: World, chance: Chance, options: LineOptions) {
    this.#world = world;
    this.#chance = chance;
    this.#options = options;
  }

  get isOffline(): boolean {
    return this.#world.kernel.now < this.offlineUntil;
  }

  /** @param answered hears one answer, or undefined, and whether a fault may be the reason of what it is */
  send(request: ApiRequest, answered: (response: HttpResponse | undefined, metFault: boolean) => void): void {
    const { kernel, coverage } = this.#world;
    const { lost, late, doubled } = this.#options;
    /** No answer comes, and after so long nobody waits for one. */
    let silentMs: number | undefined;
    if (this.isOffline) silentMs = 10;
    else if (this.#happens(lost)) {
      coverage.met('a request or its answer was lost on the way');
      if (this.#chance.happens(0.5)) this.#world.api(request, () => {});
      silentMs = this.#chance.between(100, PATIENCE_MS);
    } else if (this.#happens(late)) {
      coverage.met('a request arrived when its sender had given up');
      this.#later(PATIENCE_MS * this.#chance.between(1, 10), request);
      silentMs = PATIENCE_MS;
    } else if (this.#happens(doubled)) {
      coverage.met('a request arrived twice');
      this.#later(this.#chance.between(0, this.#chance.pick([100, PATIENCE_MS])), request);
    }
    if (silentMs === undefined) this.#world.api(request, answered);
    else kernel.after(silentMs, () => answered(undefined, true));
  }

  #happens(share: number): boolean {
    return !this.#world.storm.isOver && this.#chance.happens(share);
  }

  /** It arrives, and nobody hears the answer. */
  #later(ms: number, request: ApiRequest): void {
    this.#world.underWay++;
    this.#world.kernel.after(ms, () => {
      this.#world.underWay--;
      this.#world.api(request, () => {});
    });
  }
}
