import { useRef, useState } from 'preact/hooks';
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
    if (!isModelName(name))
      return setProblem(
        'Enter a model as owner/name, or as owner/name:version with the 64 characters of the version.',
      );
    setProblem(undefined);
    if (!chosen.includes(name)) onChange([...chosen, name]);
    input.current!.value = '';
  };
  return (
    <fieldset>
      <legend>Models</legend>
      <p class="hint" id="models-hint">
        One model is enough to explore. All models get the same prompts and seeds.
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
        <label for="model">Another model on Replicate</label>
        <input
          ref={input}
          id="model"
          type="text"
          placeholder="owner/name"
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
          Add
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
