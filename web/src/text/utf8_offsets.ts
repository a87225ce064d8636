// The server counts bytes of UTF-8; strings here count UTF-16 code units.

function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

export interface Range {
  start: number;
  end: number;
}

// The code units that hold any of the bytes [start, end): a character that a border cuts belongs to
// the range. Borders beyond the text are moved to its end.
export function utf16Range(text: string, bytes: Range): Range {
  let byte = 0;
  let unit = 0;
  let start = text.length;
  let end = text.length;
  for (const character of text) {
    const next = byte + utf8Length(character.codePointAt(0) ?? 0);
    if (start === text.length && next > bytes.start) start = unit;
    if (byte >= bytes.end) {
      end = unit;
      break;
    }
    byte = next;
    unit += character.length;
  }
  return { start: Math.min(start, end), end };
}
