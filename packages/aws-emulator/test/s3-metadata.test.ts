import { descriptionHeaders } from '../s3/metadata.ts';

test('metadata beyond ASCII goes out as the user guide of S3 has it', () => {
  // "User-defined object metadata": sent as UTF-8, which Node, like S3, reads as Latin-1.
  const sent = Buffer.from('ÄMÄZÕÑ S3', 'utf8').toString('latin1');
  expect(descriptionHeaders({ headers: {}, metadata: { nonascii: sent, ascii: 'AMAZONS3' } })).toEqual({
    'x-amz-meta-nonascii': '=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=',
    'x-amz-meta-ascii': 'AMAZONS3',
  });
});
