import type { PublishedDesign, PublishedEntry } from '../../../../lib/contract/published.ts';
import { words } from '../../words/new-audit.ts';

async function readFile<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(words.noPublished(response.status));
  return response.json();
}

/** The published designs that this site offers. They are files beside the page; a list is read when it is shown. */
export const listPublished = (): Promise<PublishedEntry[]> => readFile('/designs/index.json');

/** The design of an entry. All but its `about` is a request without models. */
export const loadPublished = ({ file }: PublishedEntry): Promise<PublishedDesign> =>
  readFile(`/designs/${file}`);
