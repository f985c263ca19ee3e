/** Stands in for the question to EC2's metadata service: Lambda says the region in the environment. */
export const getInstanceMetadataRegion = async () => undefined;
