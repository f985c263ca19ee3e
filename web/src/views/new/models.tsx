import { useRef, useState } from 'preact/hooks';
import { marksOf, Wrong } from '../../parts/field.tsx';
import type { Problem } from '../../parts/problem.ts';
import { problems as problemWords, words } from '../../words/new-audit.ts';
import { modelNameOf } from './draft.ts';

interface Props {
  offered: string[];
  chosen: string[];
  /** What is wrong with the form. */
  problems: Problem[];
  onChange: (models: string[]) => void;
}

/** Chooses models from the list of this deployment, and any other by name. */
export function ModelChoice({ offered, chosen, problems, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const models = [...offered, ...chosen.filter((model) => !offered.includes(model))];
  const all = problem === undefined ? problems : [{ field: 'models', text: problem }];
  const add = () => {
    const typed = input.current!.value.trim();
    if (typed === '') return;
    const name = modelNameOf(typed);
    if (!name) return setProblem(problemWords.modelName);
    setProblem(undefined);
    if (!chosen.includes(name)) onChange([...chosen, name]);
    input.current!.value = '';
  };
  return (
    <fieldset>
      <legend>{words.models}</legend>
      <p class="hint" id="models-hint">
        {words.modelsHint}
      </p>
      <div class="checks">
        {models.map((model) => (
          <label key={model} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(model)}
              onChange={(event) =>
                onChange(
                  event.currentTarget.checked
                    ? [...chosen, model]
                    : chosen.filter((other) => other !== model),
                )
              }
            />
            <span>{model}</span>
          </label>
        ))}
      </div>
      <div class="inline">
        <label for="models">{words.anotherModel}</label>
        <input
          ref={input}
          id="models"
          type="text"
          placeholder={words.modelExample}
          spellcheck={false}
          autocapitalize="off"
          {...marksOf({ id: 'models', hint: words.modelsHint, problems: all })}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            add();
          }}
        />
        <button type="button" onClick={add}>
          {words.add}
        </button>
      </div>
      <Wrong id="models" problems={all} />
    </fieldset>
  );
}
