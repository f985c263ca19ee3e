import { useEffect, useState } from 'preact/hooks';
import { ApiError, readPlan, readStatus } from '../../api/client.ts';
import { readRound, readRoundPlan, readRounds } from '../../api/rounds.ts';
import type { Plan, Round, RoundEntry, RoundPlanAnswer } from '../../api/types.ts';
import { sentenceOf } from '../../live/audit.ts';
import { Alert } from '../../parts/alert.tsx';
import { words } from '../../words/rounds.ts';
import { NewRound } from './new.tsx';
import { RoundView } from './round.tsx';

const whyNot = (error: unknown): string =>
  error instanceof ApiError && error.status === 404 ? words.notThere : sentenceOf(error);

/** Reads something once. @returns what was read, or why it was not, as a sentence */
function useRead<T>(read: () => Promise<T>): { value?: T; problem?: string; again: () => void } {
  const [state, setState] = useState<{ value?: T; problem?: string }>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    read().then(
      (value) => setState({ value }),
      (error) => setState({ problem: whyNot(error) }),
    );
  }, [attempt]);
  return { ...state, again: () => setAttempt((count) => count + 1) };
}

function Problem({ text, again }: { text: string; again?: () => void }) {
  return (
    <section class="empty">
      <Alert text={text} />
      {again && (
        <button type="button" onClick={again}>
          {words.tryAgain}
        </button>
      )}{' '}
      <a href="/audits.html">{words.allAudits}</a>
    </section>
  );
}

/** Rating rounds: `?id=<round>`, or `?audit=<audit>` (several for a study) for a new one. */
export function RoundPage() {
  const query = new URLSearchParams(location.search);
  const round = query.get('id');
  const audits = query.getAll('audit');
  if (round) return <ExistingRound id={round} />;
  if (audits.length > 0) return <RoundsOf audits={audits} />;
  return <Problem text={words.noAudit} />;
}

function ExistingRound({ id }: { id: string }) {
  const { value, problem, again } = useRead(
    (): Promise<[Round, RoundPlanAnswer]> => Promise.all([readRound(id), readRoundPlan(id)]),
  );
  if (problem) return <Problem text={problem} again={again} />;
  if (!value) return <p class="empty">{words.loading}</p>;
  return <RoundView first={value[0]} decided={value[1]} />;
}

function RoundsOf({ audits }: { audits: string[] }) {
  const { value, problem, again } = useRead(
    async (): Promise<{ plans: Plan[]; finished: boolean; rounds: RoundEntry[] }> => {
      const [plans, statuses, rounds] = await Promise.all([
        Promise.all(audits.map(readPlan)),
        Promise.all(audits.map(readStatus)),
        Promise.all(audits.map(readRounds)),
      ]);
      const known = new Map(rounds.flat().map((round) => [round.id, round]));
      return { plans, finished: statuses.every(({ manifest }) => manifest), rounds: [...known.values()] };
    },
  );
  if (problem) return <Problem text={problem} again={again} />;
  if (!value) return <p class="empty">{words.loading}</p>;
  const { plans, finished, rounds } = value;
  return (
    <>
      {rounds.length > 0 && (
        <section class="study" aria-label={words.existing}>
          <div class="part">
            <h2>{words.existing}</h2>
            <ul class="prompts">
              {rounds.map(({ id, name, state, items, slots }) => (
                <li key={id}>
                  <a href={`/round.html?id=${id}`} dir="auto">
                    {name}
                  </a>{' '}
                  <span class="meta">
                    {words.size(items, slots)} · {words.state[state]}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        </section>
      )}
      <NewRound plans={plans} finished={finished} />
    </>
  );
}
