/** What the HTTP API takes and answers: the types of its contract, which brings no code into the page. */
export type {
  AcceptedAudit,
  AuditEntry,
  AuditPage,
  AuditStatus,
  Budget,
  CellStatus,
  Counts,
  ImageCounts,
  Models,
  Plan,
  PlannedModel,
  Prediction,
  PredictionImage,
  PredictionPage,
  Prompt,
  Study,
  StudyEntry,
  StudyPage,
  Waiting,
} from '../../../lib/contract/answers.ts';
export type { AuditRequest } from '../../../lib/contract/request.ts';
export type { Codebook, Contrast, Question, RoundRequest } from '../../../lib/contract/round-request.ts';
export type {
  AcceptedRound,
  RaterLink,
  Round,
  RoundEntry,
  RoundPage,
  RoundPlanAnswer,
} from '../../../lib/contract/rounds.ts';
export type { Retention } from '../../../lib/limits.ts';
