import { noteBlockCost } from '../money/spent.ts';
import type { Log } from '../ports.ts';
import { blocksOf, type Range, rangeOf } from '../records/blocks.ts';
import { deletedKey, manifestKey, summaryKey } from '../records/keys.ts';
import { isImported, type Plan } from '../records/plan.ts';
import { createSummary, listSummaries, readBlock } from '../records/summary.ts';
import { type ManifestDeps, writeManifest } from './manifest.ts';
import { type UnsafeDeps, unsafeByCell } from './unsafe.ts';

export type SumUpDeps = ManifestDeps & UnsafeDeps & { log: Pick<Log, 'warn'> };

/**
 * Sums up blocks whose cells are all finished, and with the last block of the audit writes the manifest. Any number of
 * runs at once, and one that dies at any call, come to the same end.
 * @returns the blocks that have to wait, because an image lacks its judgement or its copy in the backup
 */
export async function sumUp(deps: SumUpDeps, plan: Plan, blocks: readonly Range[]): Promise<Range[]> {
  const unsafe = await sumUpBlocks(deps, plan, blocks);
  if (unsafe.length < blocks.length) await completeManifest(deps, plan);
  return unsafe;
}

/** As `sumUp`, without the manifest. */
export async function sumUpBlocks(deps: SumUpDeps, plan: Plan, blocks: readonly Range[]): Promise<Range[]> {
  const { images } = deps;
  const isSummed = await Promise.all(blocks.map(({ from }) => images.exists(summaryKey(plan.id, from))));
  const left = blocks.filter((_, place) => !isSummed[place]);
  const unsafe: Range[] = [];
  // One look for all blocks of a range.
  for (const some of Map.groupBy(left, ({ from }) => rangeOf(plan, from).from).values()) {
    const cells = await unsafeCells(deps, { ...some[0]!, to: some.at(-1)!.to }, isImported(plan));
    for (const block of some) {
      if (cells.some((cell) => cell >= block.from && cell <= block.to)) unsafe.push(block);
      else if (await images.exists(deletedKey(plan.id))) return [];
      else {
        const results = await readBlock(images, block);
        // First, so that a block that is summed up never lacks it.
        await noteBlockCost({ store: images, log: deps.log }, plan, block, results);
        await createSummary(images, plan, block.from, results);
      }
    }
  }
  return unsafe;
}

async function unsafeCells(deps: UnsafeDeps, range: Range, isOfImport: boolean): Promise<number[]> {
  const cells: number[] = [];
  for await (const { cell } of unsafeByCell(deps, range, { isImported: isOfImport })) cells.push(cell);
  return cells;
}

/** Writes the manifest once all blocks are summed up. @returns whether it was written now */
export async function completeManifest(deps: ManifestDeps, plan: Plan): Promise<boolean> {
  const { images } = deps;
  const summed = await listSummaries(images, plan.id);
  if (blocksOf(plan).some(({ from }) => !summed.has(from))) return false;
  const [isWritten, isDeleted] = await Promise.all([
    images.exists(manifestKey(plan.id, 'json')),
    images.exists(deletedKey(plan.id)),
  ]);
  if (isWritten || isDeleted) return false;
  await writeManifest(deps, plan);
  return true;
}
