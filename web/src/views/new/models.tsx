import { useRef, useState } from 'preact/hooks';
import { problems as problemWords, words } from '../../words/new-audit.ts';
import { modelNameOf, type Problem } from './draft.ts';
import { idOf, marked, Wrong } from './field.tsx';

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
  const all = [...offered, ...chosen.filter((model) => !offered.includes(model))];
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
        {all.map((model) => (
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
        <label for={idOf('models')}>{words.anotherModel}</label>
        <input
          ref={input}
          id={idOf('models')}
          type="text"
          placeholder={words.modelExample}
          spellcheck={false}
          autocapitalize="off"
          {...(problem === undefined
            ? marked('models', problems, 'models-hint')
            : { 'aria-describedby': 'model-problem', 'aria-invalid': true })}
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
      {problem && (
        <p class="error" id="model-problem">
          {problem}
        </p>
      )}
      <Wrong field="models" problems={problems} />
    </fieldset>
  );
}
