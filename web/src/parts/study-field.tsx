import { useEffect, useState } from 'preact/hooks';
import { DESIGN } from '../../../lib/limits.ts';
import { readStudies } from '../api/client.ts';
import { words } from '../words/studies.ts';
import { TextField } from './field.tsx';

/** A field for the name of a study, which offers those that there are. */
export function StudyField({
  value,
  placeholder = '',
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
      <TextField
        id="study"
        label={words.field}
        hint={words.fieldHint}
        list="studies"
        maxLength={DESIGN.nameLength}
        value={value}
        placeholder={placeholder}
        onText={onChange}
      />
      <datalist id="studies">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
