import type { Field, Problem } from './draft.ts';

/** The element that a person types into. */
export const idOf = (field: Field): string => (field === 'maxCost' ? 'max-cost' : field);
const problemId = (field: Field) => `${idOf(field)}-problem`;

/** Says to screen readers that a field is wrong, and which words say why. */
export const marked = (field: Field, problems: Problem[], ...described: string[]) => {
  const wrong = problems.some((problem) => problem.field === field);
  const ids = [...described, ...(wrong ? [problemId(field)] : [])].join(' ');
  return { 'aria-invalid': wrong, ...(ids ? { 'aria-describedby': ids } : {}) };
};

/** What is wrong with a field, beside it. */
export function Wrong({ field, problems }: { field: Field; problems: Problem[] }) {
  const found = problems.filter((problem) => problem.field === field);
  if (found.length === 0) return null;
  return (
    <p class="error" id={problemId(field)}>
      {found.map(({ text }) => text).join('\n')}
    </p>
  );
}
