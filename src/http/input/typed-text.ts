/** Normalizes text that people type or paste, such as phone numbers and codes. */

/** Removes whitespace and dashes, and converts Persian and Arabic digits to 0-9. */
export function withoutTypography(text: string): string {
  return (
    text
      .replace(/[\s\p{Pd}]/gu, "")
      // In both alphabets the code point of 0 is a multiple of 16.
      .replace(/[\u06f0-\u06f9\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
  );
}
