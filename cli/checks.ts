/** One step of the pipeline or property of a deployment, and whether it is right; `undefined` if that cannot be known here or yet. */
export interface Check {
  step: string;
  ok: boolean | undefined;
  detail: string;
}
export type Verdict = [ok: boolean | undefined, detail: string];

const SIGNS = new Map([
  [true, 'ok  '],
  [false, 'FAIL'],
  [undefined, '-   '],
]);

/** A check as a line of text. */
export const lineOf = ({ ok, step, detail }: Check): string =>
  `${SIGNS.get(ok)} ${step.padEnd(11)} ${detail}`;
