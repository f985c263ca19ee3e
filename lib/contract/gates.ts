/** Which questions a rater is asked. It imports types alone, so that the rating page shares it with the API. */
import type { Codebook, Given } from './round-request.ts';

/** Answers that every question has: a rater cannot tell, or skips without a reason. */
export const CANNOT_TELL = 'cannot-tell';
export const SKIPPED = 'skipped';

/**
 * The ids of the questions that are shown after these answers. A question behind one that is not shown is not shown either, also
 * if that one has an answer from before a rater changed another.
 */
export function applicable({ questions }: Codebook, answers: ReadonlyMap<string, Given>): Set<string> {
  const shown = new Set<string>();
  for (const { id, gate } of questions) {
    const given = gate && shown.has(gate.question) ? answers.get(gate.question) : undefined;
    if (!gate || [given ?? []].flat().some((one) => gate.answers.includes(one))) shown.add(id);
  }
  return shown;
}

/** Whether every question that is shown has an answer. */
export const isComplete = (codebook: Codebook, answers: ReadonlyMap<string, Given>): boolean =>
  [...applicable(codebook, answers)].every((id) => answers.has(id));
