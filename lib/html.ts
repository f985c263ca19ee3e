const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text from outside, as text or as the value of an attribute in HTML. */
export const escapeHtml = (text: unknown): string =>
  String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]!);

/** As `escapeHtml`, in a file of XML such as an SVG: one with a character that XML does not have is not shown at all. */
export const escapeXml = (text: unknown): string =>
  escapeHtml(text).replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
