/** What is wrong with a field, in a sentence. */
export interface Problem<Id extends string = string> {
  /** The id of its element. */
  field: Id;
  text: string;
}
