import { useMemo, useRef, useState } from 'preact/hooks';
import { CANNOT_TELL, SKIPPED } from '../../../../lib/contract/gates.ts';
import type { Share } from '../../../../lib/findings/findings.ts';
import { answerText, contrastSentence, percent, questionText } from '../../../../lib/findings/words.ts';
import { useInSight } from '../../images/in-sight.ts';
import { imagesShown } from '../../images/notice.ts';
import { useImage } from '../../images/use-image.ts';
import type { Cells } from '../../live/cells.ts';
import { useSignal } from '../../live/use.ts';
import { Alert } from '../../parts/alert.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ContentNotice } from '../../parts/notice.tsx';
import { saveFile } from '../../parts/save.ts';
import { useTask } from '../../parts/task.ts';
import { contrastNumbers, words } from '../../words/findings.ts';
import { ContrastDrawing, SharePlot, Table } from './plot.tsx';
import { type RoundFindings, ratedPictures } from './read-findings.ts';

/** What a closed round says: primary comparisons first. */
export function FindingsView({ of }: { of: RoundFindings }) {
  const { findings, input } = of;
  const { codebook, round } = input;
  const [first] = round.contrasts;
  const answers = codebook.questions.flatMap(({ id, text, answers }) =>
    answers.map((answer) => ({ question: id, answer: answer.id, text: `${text} ${answer.text}` })),
  );
  const start = answers.findIndex(
    ({ question, answer }) => question === first?.question && answer === first.answer,
  );
  const [chosen, setChosen] = useState(Math.max(0, start));
  const [opened, setOpened] = useState<Share>();
  const save = useTask(async () => {
    const { writeReport } = await import('./save-report.ts');
    saveFile(await writeReport(of), `weaudit-round-${round.id}.zip`);
  });
  const { question, answer } = answers[chosen]!;
  const own = findings.shares.filter((share) => share.question === question && share.answer === answer);
  const models = [...new Set(findings.pairs.map(({ model }) => model))];
  const ORDER = ['model', 'factor', 'pair'];
  const rowsOf = (model: string | undefined) =>
    own
      .filter(({ group }) => group.model === model)
      .sort((one, other) => ORDER.indexOf(one.group.kind) - ORDER.indexOf(other.group.kind));
  const together = rowsOf(undefined);
  const primary = findings.contrasts.filter((contrast) => contrast.primary);
  const certain = findings.contrasts.filter(
    (contrast) => !contrast.primary && contrast.certainty === 'certain',
  );
  return (
    <section class="part findings" aria-label={words.title}>
      <div class="buttons">
        <h2>{words.title}</h2>
        <button type="button" disabled={save.busy} onClick={() => save.run()}>
          {save.busy ? words.saving : words.save}
        </button>
      </div>
      <Alert text={save.problem} />
      <p class="hint">{words.perceived}</p>

      <h3>{words.primary}</h3>
      {primary.length === 0 && <p>{words.noPrimary}</p>}
      <ul class="contrasts">
        {primary.map((contrast) => (
          <li key={JSON.stringify(contrast)}>
            <p dir="auto">{contrastSentence(contrast, codebook)}</p>
            <ContrastDrawing {...contrast} />
          </li>
        ))}
      </ul>

      <h3>{words.shares}</h3>
      <label>
        {words.answer}
        <select value={chosen} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
          {answers.map(({ text }, place) => (
            <option key={text} value={place}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <p class="hint">{words.key}</p>
      <div class="plots">
        {models.map((model) => (
          <SharePlot key={model} title={model} shares={rowsOf(model)} onOpen={setOpened} />
        ))}
        {together.length > 0 && <SharePlot title={words.allModels} shares={together} onOpen={setOpened} />}
      </div>

      <h3>{words.agreement}</h3>
      <p class="hint">{words.alphaHint}</p>
      <Table
        columns={words.agreementColumns}
        rows={findings.agreement.map((one) => {
          const said = findings.said.find((counts) => counts.question === one.question);
          const name = questionText(codebook, one.question);
          return [
            one.answer === undefined ? name : `${name} ${answerText(codebook, one.question, one.answer)}`,
            one.alpha === undefined ? words.undefinedAlpha(one.pictures) : one.alpha.toFixed(3),
            one.percent === undefined ? '' : `${percent(one.percent)} %`,
            one.pictures,
            said?.cannotTell ?? 0,
            said?.skipped ?? 0,
          ];
        })}
      />

      <h3>{words.outcomes}</h3>
      <Table
        columns={words.outcomeColumns}
        rows={findings.outcomes.map((one) => [
          ...[one.model, one.asked, one.refused, one.failed],
          ...[one.shown, one.blank, one.filtered, one.quarantined],
        ])}
      />

      <details>
        <summary>{words.exploratory}</summary>
        <p>{words.counted(findings.exploratory.count, findings.exploratory.certain)}</p>
        <ul class="contrasts">
          {certain.slice(0, 100).map((contrast) => (
            <li key={JSON.stringify(contrast)}>
              <p dir="auto">
                {contrastSentence(contrast, codebook)} <span class="hint">{contrastNumbers(contrast)}</span>
              </p>
            </li>
          ))}
        </ul>
      </details>
      {opened && <PicturesOf of={of} share={opened} onClose={() => setOpened(undefined)} />}
    </section>
  );
}

/** A small picture, loaded once it is in sight. Its address is renewed if it has expired. */
function Rendition({ cells, n, index }: { cells: Cells; n: number; index: number }) {
  const frame = useRef<HTMLSpanElement>(null);
  const seen = useInSight(frame);
  const allowed = useSignal(imagesShown);
  const { url, problem } = useImage(cells, n, index, 'rendition', allowed && seen);
  return (
    <span ref={frame}>
      {url && <img src={url} crossOrigin="anonymous" alt="" />}
      {problem && <span class="hint">{problem.message}</span>}
    </span>
  );
}

/** The pictures that a share is of, with what raters said: disagreements first. */
function PicturesOf({ of, share, onClose }: { of: RoundFindings; share: Share; onClose: () => void }) {
  const { input, located } = of;
  const { codebook } = input;
  const { group, question } = share;
  const [only, setOnly] = useState('');
  const all = useMemo(
    () =>
      ratedPictures(input, question, (image) => {
        const found = located.get(image);
        if (!found || (group.model !== undefined && group.model !== found.model)) return false;
        const { prompt, factors } = found.prediction;
        if (group.kind === 'pair') return prompt === group.prompt;
        return group.kind === 'model' || factors?.[group.factor] === group.value;
      }),
    [of, share],
  );
  const choices = [
    ...(codebook.questions.find(({ id }) => id === question)?.answers ?? []),
    { id: CANNOT_TELL, text: words.cannotTell },
    { id: SKIPPED, text: words.skipped },
  ];
  const textOf = (id: string) => choices.find((choice) => choice.id === id)?.text ?? id;
  const shown = all.filter(({ votes }) => only === '' || votes.some(([answer]) => answer === only));
  const title = words.picturesOf(answerText(codebook, question, share.answer));
  return (
    <Dialog label={title} class="published" onClose={onClose}>
      <h2>{title}</h2>
      <p class="hint">{words.disagreement}</p>
      <ContentNotice />
      <label>
        {words.filter}
        <select value={only} onChange={(event) => setOnly(event.currentTarget.value)}>
          <option value="">{words.all}</option>
          {choices.map(({ id, text }) => (
            <option key={id} value={id}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {shown.length === 0 && <p>{words.none}</p>}
      <div class="rated">
        {shown.map(({ image, isHidden, votes }, place) => {
          const { cells, prediction, image: found } = located.get(image)!;
          return (
            <figure key={image}>
              {isHidden ? (
                <p class="hint">{words.hidden}</p>
              ) : (
                <a
                  href={`/audit.html?id=${cells.plan.id}&image=${prediction.n}.${found.index}`}
                  aria-label={words.openPicture(place + 1)}
                >
                  <Rendition cells={cells} n={prediction.n} index={found.index} />
                </a>
              )}
              <figcaption>
                {votes.length === 0
                  ? words.unrated
                  : votes.map(([answer, n]) => words.votes(textOf(answer), n)).join(' · ')}
              </figcaption>
            </figure>
          );
        })}
      </div>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Dialog>
  );
}
