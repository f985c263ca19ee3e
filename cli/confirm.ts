import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from './exit.ts';

/**
 * Asks for confirmation of a change that cannot be undone. Without a terminal, only `--yes` confirms.
 * @param word the word to type
 * @throws {CommandError} if the answer is another word, or if there is no terminal
 */
export async function confirm(question: string, word: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) throw new CommandError(EXIT.usage, `${question} Pass --yes to confirm.`);
  const answer = await ask(`${question} Type "${word}" to confirm: `);
  if (answer.trim() !== word) throw new CommandError(EXIT.usage, 'Not confirmed. Nothing was changed.');
}

/** Reads one line from the terminal. @param hidden whether to hide what is typed */
export async function ask(question: string, { hidden = false } = {}): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({
    input: process.stdin,
    output: hidden ? silent : process.stderr,
    terminal: process.stdin.isTTY,
  });
  // readline swallows Ctrl-C; pass it on.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await reader.question('');
  } finally {
    reader.close();
    if (hidden) process.stderr.write('\n');
  }
}
