import { randomUUID } from 'node:crypto';

/** Stands in for the SDK's choice of a source: it touches `globalThis.crypto`, for which Node.js loads web crypto and web streams. */
export const bindV4 = () => () => randomUUID();
