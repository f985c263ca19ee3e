import { createHash, type KeyObject } from 'node:crypto';
import { ALGORITHM, type Claim } from './claim.ts';
import { hmac, sameText } from './signing-key.ts';

const EMPTY_SHA256 = createHash('sha256').digest('hex');

/**
 * Checks the pieces of an aws-chunked body, each signature chained to the one before
 * ("Signature calculations for the authorization header: transferring payload in multiple chunks").
 */
export class ChunkVerifier {
  readonly #key: KeyObject;
  readonly #time: string;
  readonly #scope: string;
  readonly #refuse: (details: Record<string, string>) => Error;
  #previous: string;

  /** @param refuse makes the error for a signature that does not match */
  constructor(
    key: KeyObject,
    claim: Pick<Claim, 'time' | 'signature'>,
    scope: string,
    refuse: (details: Record<string, string>) => Error,
  ) {
    this.#key = key;
    this.#time = claim.time;
    this.#scope = scope;
    this.#previous = claim.signature;
    this.#refuse = refuse;
  }

  /** @param sha256Hex of the chunk's data */
  checkChunk(sha256Hex: string, signature: string): void {
    this.#check(`${ALGORITHM}-PAYLOAD`, [EMPTY_SHA256, sha256Hex], signature);
  }

  /** @param sha256Hex of the trailing headers in their canonical form */
  checkTrailer(sha256Hex: string, signature: string): void {
    this.#check(`${ALGORITHM}-TRAILER`, [sha256Hex], signature);
  }

  #check(kind: string, hashes: string[], signature: string): void {
    const text = [kind, this.#time, this.#scope, this.#previous, ...hashes].join('\n');
    const expected = hmac(this.#key, text).toString('hex');
    if (!sameText(expected, signature)) {
      throw this.#refuse({ StringToSign: text, SignatureProvided: signature });
    }
    this.#previous = expected;
  }
}
