/** The functions of jStat that are used here: it brings no types. */
declare module 'jstat' {
  const jstat: {
    jStat: {
      normal: { inv(probability: number, mean: number, deviation: number): number };
      studentt: { inv(probability: number, degrees: number): number };
      ibeta(x: number, a: number, b: number): number;
    };
  };
  export default jstat;
}
