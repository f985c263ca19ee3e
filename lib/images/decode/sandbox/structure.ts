export interface Size {
  width: number;
  height: number;
}

/** What a file's own structure tells, without its pixels. */
export interface Structure {
  /** Whether the file reaches to the end that it announces. What follows that end does not count. */
  whole: boolean;
  animated: boolean;
  c2pa: boolean;
  /** Whether browsers refuse this kind of the format, valid as it may be. */
  unusual?: boolean;
  /** Where the codecs measure otherwise than browsers do, or allocate before they measure. */
  size?: Size | undefined;
}
