/**
 * Stands in for the table of AWS's partitions and their regions. Endpoints do not need it: S3 has its own resolver, queues are
 * named by their address. Only the user agent asks it for a prefix, which it never has.
 */
export const getUserAgentPrefix = () => '';
export const setPartitionInfo = () => {};
export const useDefaultPartitionInfo = () => {};
export const partition = () => {
  throw new Error('partitions are not in this bundle: see build/bundle.ts');
};
