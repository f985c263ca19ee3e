/** An output that cannot be fetched; a retry would not change that. The message is in the result of the cell. */
export class OutputRejected extends Error {
  override name = 'OutputRejected';
}

/** The server did not send the output: gone for good if its hour is over, else worth another try. */
export class OutputUnavailable extends Error {
  override name = 'OutputUnavailable';
}

export const tooLarge = (maxBytes: number) => new OutputRejected(`too large: more than ${maxBytes} bytes`);
