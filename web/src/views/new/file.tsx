import { useRef, useState } from 'preact/hooks';
import type { Guess } from '../../../../lib/design-file/error.ts';
import { isHeader } from '../../../../lib/design-file/names.ts';
import { DESIGN } from '../../../../lib/limits.ts';
import { words } from '../../words/table.ts';
import type { Draft } from './draft.ts';

/** Bytes of a file that is read: more than a request has, because a file may be UTF-16 or repeat prompts. */
const MOST_BYTES = 4 * DESIGN.bodyBytes;

interface Trouble {
  message: string;
  /** Encodings to read it in, and what reads it. */
  guesses: Guess[];
  read?: (encoding: string) => void;
}

/** Opens files and pasted tables. @param fill takes what they fill in */
export function useFiles(fill: (part: Partial<Draft>) => void) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const read = async (
    work: (reader: typeof import('./read-file.ts')) => Partial<Draft>,
    again?: Trouble['read'],
  ) => {
    setBusy(true);
    setTrouble(undefined);
    // A page that was open during a deployment asks for a file that has another name by now.
    const reader = await import('./read-file.ts').catch(() => undefined);
    try {
      if (reader) fill(work(reader));
      else setTrouble({ message: words.notLoaded, guesses: [] });
    } catch (error) {
      const { message, guesses = [] } = error as Error & { guesses?: Guess[] };
      setTrouble({ message, guesses, ...(again ? { read: again } : {}) });
    } finally {
      setBusy(false);
    }
  };
  const open = async (file: File, encoding?: string) => {
    if (file.size > MOST_BYTES)
      return setTrouble({ message: words.tooLarge(file.name, MOST_BYTES / 1e6), guesses: [] });
    const bytes = new Uint8Array(await file.arrayBuffer());
    await read(
      ({ openFile }) => openFile(bytes, file.name, encoding),
      (other) => void open(file, other),
    );
  };
  return {
    busy,
    trouble,
    open,
    /** Whether a text is a table, which is then read. A list of prompts is none. */
    paste(text: string): boolean {
      if (!isTable(text)) return false;
      void read(({ openPasted }) => openPasted(text, words.pasted));
      return true;
    },
  };
}

/** Cells of a spreadsheet, or the text of a CSV. */
const isTable = (text: string): boolean => isHeader(/[^\r\n]*/.exec(text)![0]);

/** The button that opens a file, and what was wrong with the last one. */
export function FileButton({ busy, trouble, open }: ReturnType<typeof useFiles>) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div class="file">
      <input
        ref={input}
        type="file"
        hidden
        accept=".csv,.tsv,.txt,.json,.jsonl"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          // The same file can be chosen again, after it was corrected.
          event.currentTarget.value = '';
          if (file) void open(file);
        }}
      />
      <button
        type="button"
        disabled={busy}
        aria-describedby="file-hint"
        onClick={() => input.current!.click()}
      >
        {busy ? words.reading : words.open}
      </button>
      <p class="hint" id="file-hint">
        {words.openHint}
      </p>
      {trouble && (
        <div role="alert">
          <p class="error" dir="auto">
            {trouble.message}
          </p>
          <div class="buttons">
            {trouble.guesses.map(({ encoding, name, reads }) => (
              <button key={encoding} type="button" onClick={() => trouble.read?.(encoding)}>
                {words.readAs(name, reads)}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
