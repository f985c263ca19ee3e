import { createHash } from 'node:crypto';
import type { Kernel } from './kernel.ts';

const MINUTE = 60_000;
const secretOf = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`;
export const OLD = { webhook: secretOf(7), token: 'simulated-token' };
const NEW = { webhook: secretOf(8), token: 'another-token' };
/** Of somebody who knows neither. */
export const FORGER = secretOf(9);

/** When the webhook's secret and the auditors' token are replaced, in milliseconds since the world began. */
export interface Rotation {
  at: number;
  /** The parameter knows the new secret before Replicate signs with it; else three minutes later. */
  inOrder: boolean;
}

const listed = (token: string) =>
  JSON.stringify([{ name: 'ann', sha256: createHash('sha256').update(token).digest('hex'), scope: 'audit' }]);

/** What is in the Parameter Store, what Replicate signs with, and what auditors send, at each moment. */
export class Secrets {
  readonly #kernel: Kernel;
  readonly #began: number;
  readonly #rotation: Rotation | undefined;

  constructor(kernel: Kernel, rotation: Rotation | undefined) {
    this.#kernel = kernel;
    this.#began = kernel.now;
    this.#rotation = rotation;
  }

  /** Milliseconds since the rotation; negative before it. */
  #since(agoMs: number): number {
    if (!this.#rotation) return Number.NEGATIVE_INFINITY;
    return this.#kernel.now - agoMs - this.#began - this.#rotation.at;
  }

  /** The parameter with the webhook's secrets, as it was so long ago. */
  parameter(agoMs = 0): string {
    const since = this.#since(agoMs);
    if (!this.#rotation?.inOrder) return since < 3 * MINUTE ? OLD.webhook : NEW.webhook;
    if (since < 0) return OLD.webhook;
    return since < 5 * MINUTE ? `${NEW.webhook} ${OLD.webhook}` : NEW.webhook;
  }

  /** What Replicate signs with. */
  get signing(): string {
    return this.#since(this.#rotation?.inOrder ? MINUTE : 0) < 0 ? OLD.webhook : NEW.webhook;
  }

  /** The secret that was replaced. */
  get old(): string {
    return OLD.webhook;
  }

  /** The parameter with the tokens. */
  get tokens(): string {
    return listed(this.token);
  }

  /** Auditors have the new one at once. */
  get token(): string {
    return this.#since(0) < 0 ? OLD.token : NEW.token;
  }

  /** The token was replaced so short a time ago that a request with the old one may be under way. */
  isTokenNew(forMs: number): boolean {
    return this.#since(0) >= 0 && this.#since(0) < forMs;
  }

  /** Whether the parameter has had a secret for so long, or has not had it for so long; undefined for neither. */
  isAccepted(
    secret: string,
    { forMs, goneForMs }: { forMs: number; goneForMs: number },
  ): boolean | undefined {
    const [now, before, longBefore] = [0, forMs, goneForMs].map((ago) =>
      this.parameter(ago).includes(secret),
    );
    if (now && before) return true;
    return !now && !longBefore ? false : undefined;
  }
}
