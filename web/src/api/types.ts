/** What the HTTP API answers, as far as the page reads it. `GET /api/openapi.json` describes the requests. */

export type Retention = 'short' | 'standard' | 'keep';
export type Input = Record<string, unknown>;

export interface Prompt {
  text: string;
  factors?: Record<string, string>;
}

export interface PlannedModel {
  model: string;
  version: string | null;
  input: Input;
  inputs: string[] | null;
  seed: 'supported' | 'unsupported' | 'unknown';
}

/** `GET /api/audits/{a}/plan`. It never changes. */
export interface Plan {
  id: string;
  name: string;
  createdAt: string;
  createdBy: string;
  retention: Retention;
  seed: number;
  samples: number;
  prompts: Prompt[];
  models: PlannedModel[];
  input: Input;
  cells: number;
}

export interface Counts {
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  refused: number;
  canceled: number;
}

export interface Waiting {
  why: string;
  detail: string;
  /** ISO 8601. */
  until: string;
}

/** `GET /api/audits/{a}` */
export interface AuditStatus {
  id: string;
  name: string;
  createdAt: string;
  createdBy: string;
  retention: Retention;
  predictions: number;
  state: 'running' | 'finished' | 'canceling' | 'canceled' | 'deleting';
  counts: Counts;
  manifest: boolean;
  waiting?: Waiting;
}

export type CellStatus = keyof Counts;

export interface PredictionImage {
  index: number;
  status: 'pending' | 'ok' | 'quarantined' | 'lost';
  /** Presigned; only where the status is `ok`. The same for an hour. */
  url?: string;
  contentType?: string;
  bytes?: number;
  sha256?: string;
  width?: number;
  height?: number;
  error?: string;
}

/** One entry of `GET /api/audits/{a}/predictions`. */
export interface Prediction {
  n: number;
  prompt: string;
  factors?: Record<string, string>;
  model: string;
  version: string;
  sample: number;
  seed: number | null;
  seedSource: 'sent' | 'log' | 'unsupported' | 'unknown';
  status: CellStatus;
  error?: string;
  predictionId?: string;
  askedAt?: string;
  completedAt?: string;
  /** Seconds. */
  predictTime?: number;
  asked?: number;
  returned?: number;
  filtered?: number;
  images: PredictionImage[];
}

export interface PredictionPage {
  predictions: Prediction[];
  cursor?: string;
}

export interface AuditEntry {
  id: string;
  name: string;
  createdAt: string;
  createdBy: string;
  predictions: number;
  finished: boolean;
}

/** The body of `POST /api/audits`. */
export interface AuditRequest {
  name?: string;
  prompts?: string[];
  template?: string;
  factors?: Record<string, string[]>;
  models: string[];
  samples: number;
  input?: Input;
  seed?: number;
  retention: Retention;
}
