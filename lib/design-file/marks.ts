/** Marks that people read in a list, and models would get. */
export interface ListMarks {
  kind: 'bullet' | 'comment' | 'numbers' | 'quotes';
  /** The first line that has one: its place among the lines, and its text. */
  at: number;
  text: string;
  /** What it begins with. */
  mark: string;
}

const BULLET = /^[-*•–]\s+/;
const COMMENT = /^(#|\/\/)\s/;
const NUMBER = /^\d+[.)]\s+/;
const QUOTED = /^"(.+)",?$/;

/** Marks in a list; undefined if it has none. @param lines trimmed, none empty */
export function marksIn(lines: readonly string[]): ListMarks | undefined {
  for (const [at, text] of lines.entries()) {
    const bullet = BULLET.exec(text)?.[0];
    if (bullet) return { kind: 'bullet', at, text, mark: bullet };
    const comment = COMMENT.exec(text)?.[0];
    if (comment) return { kind: 'comment', at, text, mark: comment };
  }
  const [text = ''] = lines;
  const isNumbered = lines.every((line, i) => Number.parseInt(NUMBER.exec(line)?.[0] ?? '', 10) === i + 1);
  if (lines.length > 1 && isNumbered) return { kind: 'numbers', at: 0, text, mark: NUMBER.exec(text)![0] };
  if (lines.length > 0 && lines.every((line) => QUOTED.test(line)))
    return { kind: 'quotes', at: 0, text, mark: '"' };
  return undefined;
}

/** A list without its marks. A comment loses its line. */
export function withoutMarks(lines: readonly string[]): string[] {
  const kind = marksIn(lines)?.kind;
  if (kind === 'numbers') return lines.map((line) => line.replace(NUMBER, ''));
  if (kind === 'quotes') return lines.map((line) => line.replace(QUOTED, '$1'));
  return lines.filter((line) => !COMMENT.test(line)).map((line) => line.replace(BULLET, ''));
}
