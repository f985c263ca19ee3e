import { useEffect, useState } from 'preact/hooks';
import { DESIGN } from '../../../lib/limits.ts';
import { readStudies } from '../api/client.ts';
import { words } from '../words/studies.ts';

/** A field for the name of a study, which offers those that there are. */
export function StudyField({
  value,
  placeholder,
  onChange,
}: {
  value: string;
  placeholder?: string;
  onChange: (name: string) => void;
}) {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    readStudies().then(
      (studies) => setNames(studies.map(({ name }) => name).sort((one, other) => one.localeCompare(other))),
      // Then names are not offered; a name can be typed all the same.
      () => {},
    );
  }, []);
  return (
    <>
      <label for="study">{words.field}</label>
      <input
        id="study"
        type="text"
        list="studies"
        dir="auto"
        maxLength={DESIGN.nameLength}
        value={value}
        placeholder={placeholder}
        aria-describedby="study-hint"
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <datalist id="studies">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <p class="hint" id="study-hint">
        {words.fieldHint}
      </p>
    </>
  );
}
