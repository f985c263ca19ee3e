import { marksIn, withoutMarks } from '../../../../lib/design-file/marks.ts';
import { words } from '../../words/new-audit.ts';
import { linesOf } from './draft.ts';

interface Props {
  /** The id of the field that has the list. */
  id: string;
  text: string;
  onText: (text: string) => void;
}

/** Says that models would get the marks of a list, such as bullets, and removes them. A file with them is refused. */
export function MarksHint({ id, text, onText }: Props) {
  const lines = linesOf(text);
  const found = marksIn(lines);
  if (!found) return null;
  const remove = () => {
    onText(withoutMarks(lines).join('\n'));
    document.getElementById(id)?.focus();
  };
  return (
    <p class="hint marks" role="status">
      {words.marks[found.kind](found.text)}{' '}
      <button type="button" class="link" onClick={remove}>
        {words.removeMarks[found.kind]}
      </button>
    </p>
  );
}
