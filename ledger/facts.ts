/** An object as its bucket has it. */
export interface StoredObject {
  /** How often it was written. */
  versions: number;
  /** Milliseconds since 1970, in whole seconds as S3 says it. */
  modified: number;
  /** Hex SHA-256 of its bytes. */
  sha256: string;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  contentEncoding?: string;
  /** What a record holds. */
  // biome-ignore lint/suspicious/noExplicitAny: records are read as they are, not as the pipeline declares them
  json?: any;
  /** What a table holds. */
  text?: string;
}

/** The current objects of a bucket by key, without those of other audits. */
export type Objects = ReadonlyMap<string, StoredObject>;

/** What a prediction made. */
export interface Output {
  /** Hex. */
  sha256: string;
  /** Hex SHA-256 of what it was cut to by a length that was too small: such an image is quarantined. */
  cut?: ReadonlySet<string> | undefined;
  /** It could never be downloaded. */
  gone?: boolean;
}

/** A prediction as Replicate's own log has it. */
export interface Prediction {
  id: string;
  cell: number;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Undefined while it runs. */
  completedAt: number | undefined;
  status: string;
  error: string | null;
  input: unknown;
  outputs: readonly Output[];
  /** The seed that it used; undefined if that is not known. */
  seed?: unknown;
  /** Outputs that the model's own filter held back; undefined if that is not known. */
  withheld?: number | undefined;
  /** Replicate answered once that there is no such prediction. */
  forgotten?: boolean;
}

/** A picture that somebody has and announced. */
export interface Announced {
  /** Hex. */
  sha256: string;
  /** Its file is no whole image: it is quarantined. */
  isBroken: boolean;
  /** Its owner sends it with a header that changes what browsers show: it is no picture of the import. */
  isEncoded: boolean;
}

/** Names the fault that hid a prediction from the dispatcher of the next one of its cell; undefined if there was none. */
export type Reason<P extends Prediction = Prediction> = (before: P, after: P) => string | undefined;

/** An audit that is over, as the services have it. */
export interface AuditFacts<P extends Prediction = Prediction> {
  audit: string;
  /** Cells that it asks for. */
  cells: number;
  images: Objects;
  backup: Objects;
  /** In the order of their creation. */
  predictions: readonly P[];
  reason: Reason<P>;
  /** Cells whose request Replicate refused for good. */
  refused: ReadonlySet<number>;
  /** The pictures that were announced, by cells, if it is an import. */
  imported?: readonly Announced[];
  /** Replicate, or the connection to it, failed so that a cell may have ended without a prediction. */
  mayGiveUp: boolean;
}

/** A message in a dead-letter queue. */
export interface DeadLetter {
  what: string;
  /** The faults that its deliveries met; undefined if they do not explain it. */
  why: string | undefined;
}
