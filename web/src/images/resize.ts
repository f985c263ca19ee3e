/** The worker that makes renditions, so that decoding and encoding do not block the page. */

export interface ResizeRequest {
  id: number;
  blob: Blob;
  /** Longest edge in pixels. */
  edge: number;
}

export type ResizeAnswer = { id: number; blob: Blob } | { id: number; error: string };

/** The used part of `DedicatedWorkerGlobalScope`, whose types conflict with those of a page. */
interface Scope {
  onmessage: (event: MessageEvent<ResizeRequest>) => void;
  postMessage(answer: ResizeAnswer): void;
}

const QUALITY = 0.82;

async function resize(blob: Blob, edge: number): Promise<Blob> {
  const whole = await createImageBitmap(blob);
  try {
    const scale = Math.min(1, edge / Math.max(whole.width, whole.height));
    const width = Math.max(1, Math.round(whole.width * scale));
    const height = Math.max(1, Math.round(whole.height * scale));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(whole, 0, 0, width, height);
    return await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY });
  } finally {
    whole.close();
  }
}

const scope = self as unknown as Scope;
scope.onmessage = async ({ data: { id, blob, edge } }) => {
  try {
    scope.postMessage({ id, blob: await resize(blob, edge) });
  } catch (error) {
    scope.postMessage({ id, error: String(error) });
  }
};
