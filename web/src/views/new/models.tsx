import { useRef, useState } from 'preact/hooks';
import { problems, words } from '../../words/new-audit.ts';
import { isModelName } from './draft.ts';

interface Props {
  offered: string[];
  chosen: string[];
  onChange: (models: string[]) => void;
}

/** Chooses models from the list of this deployment, and any other by name. */
export function ModelChoice({ offered, chosen, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const all = [...offered, ...chosen.filter((model) => !offered.includes(model))];
  const add = () => {
    const name = input.current!.value.trim();
    if (name === '') return;
    if (!isModelName(name)) return setProblem(problems.modelName);
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
        <label for="model">{words.anotherModel}</label>
        <input
          ref={input}
          id="model"
          type="text"
          placeholder={words.modelExample}
          spellcheck={false}
          autocapitalize="off"
          aria-describedby={problem ? 'model-problem' : undefined}
          aria-invalid={problem !== undefined}
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
    </fieldset>
  );
}
