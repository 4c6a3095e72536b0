/** What people copy from paper and screens: phone numbers, codes. */

/** Without blanks and hyphens, and with 0-9 for Persian and Arabic digits. */
export function withoutTypography(text: string): string {
  return (
    text
      .replace(/[\s\p{Pd}]/gu, "")
      // Both alphabets begin with 0 at a multiple of 16.
      .replace(/[\u06f0-\u06f9\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
  );
}
