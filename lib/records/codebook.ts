import { CANNOT_TELL, SKIPPED } from '../contract/gates.ts';
import type { Codebook, Given, Question } from '../contract/round-request.ts';
import { canonicalJson } from '../json.ts';
import type { ObjectStore } from '../ports.ts';
import { sha256Hex } from '../sha256.ts';
import { codebookKey } from './keys.ts';

/** Ids that no answer can have: two are offered with every question, one is what gates make of the rest. */
const RESERVED = [CANNOT_TELL, SKIPPED, 'not-applicable'];

/** What is wrong with a codebook that has the right form, as sentences. */
export function codebookFaults({ questions }: Codebook): string[] {
  const faults: string[] = [];
  const earlier = new Map<string, Question>();
  for (const question of questions) {
    const { id, gate, answers } = question;
    if (earlier.has(id)) faults.push(`two questions have the id "${id}"`);
    for (const name of ['id', 'key'] as const) {
      const values = answers.map((answer) => answer[name]);
      const twice = values.find((value, place) => values.indexOf(value) !== place);
      if (twice !== undefined) faults.push(`two answers of "${id}" have the ${name} "${twice}"`);
    }
    const reserved = answers.find((answer) => RESERVED.includes(answer.id));
    if (reserved)
      faults.push(`an answer of "${id}" has the id "${reserved.id}", which every question has by itself`);
    if (gate) {
      const gating = earlier.get(gate.question);
      if (!gating) faults.push(`the gate of "${id}" names no earlier question`);
      else if (!gate.answers.every((one) => gating.answers.some((answer) => answer.id === one)))
        faults.push(`the gate of "${id}" names an answer that "${gate.question}" does not have`);
    }
    earlier.set(id, question);
  }
  return faults;
}

/** What is wrong with an answer to a question, as the end of a sentence; undefined if nothing is. */
export function faultOfAnswer({ kind, answers }: Question, given: Given): string | undefined {
  if (given === CANNOT_TELL || given === SKIPPED) return undefined;
  if (Array.isArray(given) !== (kind === 'any'))
    return kind === 'any' ? 'must be a list of answers' : 'must be one answer';
  const named = [given].flat();
  if (new Set(named).size < named.length) return 'must name each answer once';
  const unknown = named.find((one) => !answers.some(({ id }) => id === one));
  return unknown === undefined ? undefined : `names an unknown answer, "${unknown}"`;
}

/** The name of a codebook: the SHA-256 of its canonical JSON, in hex. */
export const codebookId = (codebook: Codebook): string => sha256Hex(canonicalJson(codebook));

/** Stores a codebook under its name. One that is there is the same. @returns its name */
export async function createCodebook(store: ObjectStore, codebook: Codebook): Promise<string> {
  const id = codebookId(codebook);
  await store.create(codebookKey(id), canonicalJson(codebook), { contentType: 'application/json' });
  return id;
}

/** @throws {Error} if it is not there */
export async function readCodebook(store: ObjectStore, id: string): Promise<Codebook> {
  const read = await store.readJson<Codebook>(codebookKey(id));
  if (!read) throw new Error(`the codebook ${id} of a round is missing`);
  return read.value;
}
