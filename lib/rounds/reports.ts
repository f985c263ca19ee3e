import { parseBody } from '../audits/request.ts';
import type { Exact } from '../contract/answers.ts';
import { ClearRequest } from '../contract/round-request.ts';
import { Refusal } from '../errors.ts';
import { reportedKey } from '../records/keys.ts';
import { requireOpen } from './raters.ts';
import { type RoundDeps, requireRound } from './read.ts';

/**
 * Shows raters a picture again that one of them reported: `POST /api/rounds/{r}/cleared`. It can be repeated. The auditor has
 * looked at the picture, so that later reports of it hide nothing: who does not want to see it skips it.
 * @throws {Refusal} 404, 409 if the round is closed or the picture was purged, 422 if nobody reported it
 */
export async function clearReport(
  deps: RoundDeps,
  round: string,
  body: string,
  caller: string,
): Promise<Exact<'Cleared'>> {
  const { store, time } = deps;
  const { plan } = await requireRound(deps, round);
  const { image } = parseBody(ClearRequest, body);
  await requireOpen(deps, round);
  const item = [...plan.practice, ...plan.items].find((one) => one.image === image);
  const [report, isPurged] = item
    ? await Promise.all([
        store.readJson<{ by: string }>(reportedKey(round, item.opaque)),
        store.exists(reportedKey(round, item.opaque, 'purged')),
      ])
    : [];
  // Purges of earlier versions wrote what a report writes.
  if (isPurged || report?.value.by === 'purge')
    throw new Refusal(409, 'The image was purged, so that it cannot be shown again.');
  if (!item || !report) throw new Refusal(422, 'No rater has reported this picture.');
  await store.createJson(
    reportedKey(round, item.opaque, 'cleared'),
    { by: caller, at: time.now().toISOString() },
    { tags: { retention: plan.retention } },
  );
  return { image, state: 'shown' };
}
