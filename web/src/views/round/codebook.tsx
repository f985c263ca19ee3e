import type { Codebook } from '../../api/types.ts';
import { words } from '../../words/rounds.ts';

/** Questions with their answers, keys and definitions. */
export function CodebookList({ codebook: { questions } }: { codebook: Codebook }) {
  const textOf = (id: string) => questions.find((question) => question.id === id);
  return (
    <ol class="codebook">
      {questions.map(({ id, text, definition, gate, answers }) => (
        <li key={id}>
          <b dir="auto">{text}</b>
          {gate && (
            <p class="hint">
              {words.shownAfter(
                textOf(gate.question)?.text ?? gate.question,
                (textOf(gate.question)?.answers ?? [])
                  .filter((answer) => gate.answers.includes(answer.id))
                  .map((answer) => answer.text)
                  .join(', '),
              )}
            </p>
          )}
          {definition && (
            <p class="hint" dir="auto">
              {definition}
            </p>
          )}
          <ul>
            {answers.map((answer) => (
              <li key={answer.id}>
                <kbd>{answer.key.toUpperCase()}</kbd> <bdi>{answer.text}</bdi>
                {answer.definition && <span class="hint"> {answer.definition}</span>}
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ol>
  );
}
