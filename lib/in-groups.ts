/** The results of work on things, in their order; so many are under way at once, and so many results in memory. */
export async function* inGroups<T, R>(things: readonly T[], size: number, work: (thing: T) => Promise<R>) {
  for (let i = 0; i < things.length; i += size) yield* await Promise.all(things.slice(i, i + size).map(work));
}
