import { noteBlockCost } from '../money/spent.ts';
import type { Log } from '../ports.ts';
import { blocksOf, type Range } from '../records/blocks.ts';
import { deletedKey, manifestKey, summaryKey } from '../records/keys.ts';
import type { Plan } from '../records/plan.ts';
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
  const unsafe: Range[] = [];
  for (const block of blocks) {
    if (await images.exists(summaryKey(plan.id, block.from))) continue;
    if (!(await isSafe(deps, block))) unsafe.push(block);
    else if (await images.exists(deletedKey(plan.id))) return [];
    else {
      const results = await readBlock(images, block);
      // First, so that a block that is summed up never lacks it.
      await noteBlockCost({ store: images, log: deps.log }, plan, block, results);
      await createSummary(images, plan, block.from, results);
    }
  }
  return unsafe;
}

async function isSafe(deps: UnsafeDeps, block: Range): Promise<boolean> {
  for await (const _ of unsafeByCell(deps, block)) return false;
  return true;
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
