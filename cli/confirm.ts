import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from './exit.ts';

/**
 * Asks before something that cannot be undone. In a pipe nobody can answer: there `--yes` is the answer.
 * @param word what has to be typed
 * @throws {CommandError} where the answer is another, or nobody can be asked
 */
export async function confirm(question: string, word: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new CommandError(EXIT.usage, `${question} Give --yes to say that it is meant.`);
  const answer = await ask(`${question} Type "${word}" to go on: `);
  if (answer.trim() !== word) throw new CommandError(EXIT.usage, 'Nothing was changed.');
}

/** One line from the terminal. @param hidden shows nothing of what is typed */
export async function ask(question: string, { hidden = false } = {}): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({
    input: process.stdin,
    output: hidden ? silent : process.stderr,
    terminal: process.stdin.isTTY,
  });
  // Ctrl-C at a question is Ctrl-C.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await reader.question('');
  } finally {
    reader.close();
    if (hidden) process.stderr.write('\n');
  }
}
