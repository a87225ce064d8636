// Splits text into headings, paragraphs, numbered steps and dashes, the forms that answers and
// articles use. Nothing is lost: every piece knows where it stands in the source, so that a range
// of the source can be highlighted.

export interface Piece {
  text: string;
  // UTF-16 offset of the piece in the source.
  start: number;
  isStrong?: boolean;
}

// A line of a paragraph, or one item of a list.
export type Line = Piece[];

export type Block =
  | { kind: 'heading'; line: Line }
  | { kind: 'paragraph'; lines: Line[] }
  | { kind: 'steps'; first: number; lines: Line[] }
  | { kind: 'dashes'; lines: Line[] };

const kHeading = /^#{1,6}[ \t]+/;
const kStep = /^[ \t]*(\d{1,3})[.)、][ \t]*/;
const kDash = /^[ \t]*[-*•–][ \t]+(?=\S)/;
const kStrong = /\*\*(?=\S)([^*]*[^*\s])\*\*/g;

// Splits off **strong** words; their stars are left out.
function piecesOf(text: string, start: number): Line {
  const pieces: Line = [];
  let at = 0;
  for (const match of text.matchAll(kStrong)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), start: start + at });
    pieces.push({ text: match[1] ?? '', start: start + match.index + 2, isStrong: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), start: start + at });
  return pieces;
}

// "3.5 GB" is no step: a dot must not be followed by a digit.
function stepOf(line: string): { length: number; number: number } | undefined {
  const match = kStep.exec(line);
  if (match === null || /^[ \t]*\d+\.\d/.test(line)) return undefined;
  return { length: match[0].length, number: Number(match[1]) };
}

function addLine(blocks: Block[], line: string, start: number, continues: boolean): void {
  const last = continues ? blocks.at(-1) : undefined;
  const heading = kHeading.exec(line);
  if (heading !== null) {
    const length = heading[0].length;
    blocks.push({ kind: 'heading', line: piecesOf(line.slice(length), start + length) });
    return;
  }
  const step = stepOf(line);
  if (step !== undefined) {
    const pieces = piecesOf(line.slice(step.length), start + step.length);
    if (last?.kind === 'steps') last.lines.push(pieces);
    else blocks.push({ kind: 'steps', first: step.number, lines: [pieces] });
    return;
  }
  const dash = kDash.exec(line)?.[0].length;
  if (dash !== undefined) {
    const pieces = piecesOf(line.slice(dash), start + dash);
    if (last?.kind === 'dashes') last.lines.push(pieces);
    else blocks.push({ kind: 'dashes', lines: [pieces] });
    return;
  }
  const pieces = piecesOf(line, start);
  if (last?.kind === 'paragraph') last.lines.push(pieces);
  else blocks.push({ kind: 'paragraph', lines: [pieces] });
}

export function parseBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let start = 0;
  // An empty line ends a paragraph. Lists go on after it, as people write them.
  let sawEmptyLine = false;
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      sawEmptyLine = true;
    } else {
      const isListItem = stepOf(line) !== undefined || kDash.test(line);
      addLine(blocks, line.trimEnd(), start, !sawEmptyLine || isListItem);
      sawEmptyLine = false;
    }
    start += line.length + 1;
  }
  return blocks;
}
