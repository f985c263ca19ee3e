/**
 * Stands in for hashes written in JavaScript. The SDK chooses them where `node:crypto` or `node:zlib` lacks the
 * hash, and Lambda's Node.js lacks none.
 */
export const Sha256Js = undefined;
export const Sha1Js = undefined;
export const Md5Js = undefined;
export const Crc32Js = undefined;
