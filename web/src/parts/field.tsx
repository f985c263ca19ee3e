import type { ComponentChildren } from 'preact';
import type { Problem } from './problem.ts';

interface FieldProps {
  id: string;
  label: string;
  hint?: string;
  problems?: Problem[];
}

/** Says to screen readers whether a field is wrong, and which words are about it. */
export function marksOf({ id, hint, problems = [] }: Omit<FieldProps, 'label'>) {
  const wrong = problems.some(({ field }) => field === id);
  const ids = [...(hint === undefined ? [] : [`${id}-hint`]), ...(wrong ? [`${id}-problem`] : [])].join(' ');
  return { 'aria-invalid': wrong, ...(ids ? { 'aria-describedby': ids } : {}) };
}

/** What is wrong with a field, beside it. */
export function Wrong({ id, problems = [] }: Pick<FieldProps, 'id' | 'problems'>) {
  const found = problems.filter(({ field }) => field === id);
  if (found.length === 0) return null;
  return (
    <p class="error" id={`${id}-problem`}>
      {found.map(({ text }) => text).join('\n')}
    </p>
  );
}

/** A field of a form: its label, what is entered, a hint, and what is wrong. */
export function Field({ id, label, hint, problems, children }: FieldProps & { children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id} dir="auto">
        {label}
      </label>
      {children}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <Wrong {...{ id }} {...(problems ? { problems } : {})} />
    </div>
  );
}

interface TextProps extends FieldProps {
  value: string | number;
  onText: (text: string) => void;
  /** Lines of a larger field. */
  rows?: number;
  type?: 'text' | 'number';
  placeholder?: string;
  list?: string;
  min?: number;
  max?: number;
  maxLength?: number;
  inputMode?: 'numeric' | 'decimal' | 'url';
  autocomplete?: 'off';
  spellcheck?: boolean;
  onPaste?: (event: ClipboardEvent) => void;
}

/** A field for text or a number. */
export function TextField({ id, label, hint, problems, rows, onText, ...rest }: TextProps) {
  const about = { id, label, ...(hint === undefined ? {} : { hint }), ...(problems ? { problems } : {}) };
  // A larger field takes what is given here of an input, apart from its type.
  const Element = (rows === undefined ? 'input' : 'textarea') as 'textarea';
  return (
    <Field {...about}>
      <Element
        id={id}
        dir="auto"
        // It grows with what is entered, from so many lines.
        {...(rows === undefined ? { type: 'text' } : { rows, style: { minHeight: `${1.45 * rows + 1}em` } })}
        {...marksOf(about)}
        {...rest}
        onInput={(event) => onText(event.currentTarget.value)}
      />
    </Field>
  );
}
