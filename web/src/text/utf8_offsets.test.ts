import { describe, expect, it } from 'vitest';

import { utf16Range } from './utf8_offsets';

function cut(text: string, start: number, end: number): string {
  const range = utf16Range(text, { start, end });
  return text.slice(range.start, range.end);
}

describe('utf16Range', () => {
  it('cuts what a byte slice cuts, for every pair of character borders', () => {
    const text = 'a£€😀 漢字\né𝄞z';
    const borders: number[] = [0];
    for (const character of text) borders.push((borders.at(-1) ?? 0) + Buffer.byteLength(character));
    for (const start of borders) {
      for (const end of borders.filter((border) => border >= start)) {
        const expected = Buffer.from(text).subarray(start, end).toString();
        expect(cut(text, start, end)).toBe(expected);
      }
    }
  });

  it('equals the offsets themselves in ASCII', () => {
    expect(utf16Range('plain text', { start: 2, end: 7 })).toEqual({ start: 2, end: 7 });
  });

  it('takes in a character that a border cuts', () => {
    expect(cut('x😀y', 2, 3)).toBe('😀');
    expect(cut('漢字', 1, 4)).toBe('漢字');
  });

  it('keeps offsets beyond the end inside the text', () => {
    expect(utf16Range('abc', { start: 1, end: 99 })).toEqual({ start: 1, end: 3 });
    expect(utf16Range('abc', { start: 50, end: 99 })).toEqual({ start: 3, end: 3 });
    expect(utf16Range('', { start: 0, end: 4 })).toEqual({ start: 0, end: 0 });
  });
});
