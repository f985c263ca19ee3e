import { useState } from 'preact/hooks';
import { ApiError, addToStudy } from '../../api/client.ts';
import { StudyField } from '../../parts/study-field.tsx';
import { words } from '../../words/studies.ts';

const NAME = 'weaudit-draft-study';

/** The study that a new audit is to be in. It is kept for the session, as the draft is. */
export function useStudyChoice() {
  const [name, setName] = useState(() => sessionStorage.getItem(NAME) ?? '');
  const choose = (next: string) => {
    sessionStorage.setItem(NAME, next);
    setName(next);
  };
  return {
    isChosen: name.trim() !== '',
    field: <StudyField value={name} placeholder={words.placeholder} onChange={choose} />,
    /** Adds the audit that was started. @throws {ApiError} if that is refused: the audit runs all the same */
    async add(audit: string): Promise<void> {
      if (name.trim() === '') return;
      await addToStudy(name, [audit]).catch((error) => {
        throw error instanceof ApiError ? new ApiError(error.status, words.notAdded(error.message)) : error;
      });
      choose('');
    },
  };
}
