import type { AuditEntry, StudyEntry } from './answers.ts';

/**
 * A list in which the audits of a study are one line, where its newest audit is.
 * @returns what an audit adds to the list: itself, the studies that it is in, or nothing. To be called for audits from the
 *   newest on
 */
export function studyLines(
  studies: readonly StudyEntry[],
): (audit: AuditEntry) => (AuditEntry | StudyEntry)[] {
  const unseen = new Set(studies);
  const having = new Map<string, StudyEntry[]>();
  for (const study of studies)
    for (const audit of study.audits) having.set(audit, [...(having.get(audit) ?? []), study]);
  return (audit) => having.get(audit.id)?.filter((study) => unseen.delete(study)) ?? [audit];
}
