/** Names that models have for how many images a prediction makes. */
const COUNTS = [
  ...['num_outputs', 'number_of_images', 'num_images', 'batch_size', 'num_images_per_prompt'],
  ...['num_samples', 'number_of_outputs', 'num_layers', 'n'],
];

/** How many images one prediction of a model is asked for. Some models take a number as text. */
export function imagesAsked(input: Record<string, unknown>): number {
  for (const name of COUNTS) {
    const value = input[name];
    if (/^[1-9]\d{0,5}$/.test(String(value))) return Number(value);
  }
  return 1;
}
