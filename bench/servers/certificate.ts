import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  key: string;
  cert: string;
  /** The certificate as a file, for `NODE_EXTRA_CA_CERTS`. */
  file: string;
  remove(): Promise<void>;
}

/** A certificate for this machine's own addresses, created for every run; with an elliptic curve, as S3's. */
export async function makeCertificate(): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const directory = await mkdtemp(path.join(os.tmpdir(), 'bench-'));
  const file = path.join(directory, 'certificate.pem');
  await writeFile(file, cert);
  return { key, cert, file, remove: () => rm(directory, { recursive: true, force: true }) };
}
