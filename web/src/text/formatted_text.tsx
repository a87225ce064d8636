// Shows text as paragraphs, steps and dashes, with an optional range highlighted. Text stays text:
// nothing in it is ever read as HTML.

import { Fragment } from 'react';
import type { ReactNode } from 'react';

import { parseBlocks } from './blocks';
import type { Block, Line, Piece } from './blocks';
import type { Range } from './utf8_offsets';

function highlighted({ text, start }: Piece, range: Range | undefined): ReactNode {
  if (range === undefined) return text;
  const from = Math.min(Math.max(range.start - start, 0), text.length);
  const to = Math.min(Math.max(range.end - start, from), text.length);
  if (from === to) return text;
  return (
    <>
      {text.slice(0, from)}
      <mark>{text.slice(from, to)}</mark>
      {text.slice(to)}
    </>
  );
}

function LineText({ line, range }: { line: Line; range: Range | undefined }) {
  return line.map((piece) =>
    piece.isStrong === true ? (
      <strong key={piece.start}>{highlighted(piece, range)}</strong>
    ) : (
      <Fragment key={piece.start}>{highlighted(piece, range)}</Fragment>
    ),
  );
}

function Paragraph({ lines, range }: { lines: Line[]; range: Range | undefined }) {
  return (
    <p>
      {lines.map((line, index) => (
        <Fragment key={index}>
          {index > 0 && <br />}
          <LineText line={line} range={range} />
        </Fragment>
      ))}
    </p>
  );
}

function BlockView({ block, range }: { block: Block; range: Range | undefined }) {
  if (block.kind === 'heading') {
    return (
      <h3>
        <LineText line={block.line} range={range} />
      </h3>
    );
  }
  if (block.kind === 'paragraph') return <Paragraph lines={block.lines} range={range} />;
  const items = block.lines.map((line, index) => (
    <li key={index}>
      <LineText line={line} range={range} />
    </li>
  ));
  return block.kind === 'steps' ? <ol start={block.first}>{items}</ol> : <ul>{items}</ul>;
}

export function FormattedText({ text, range }: { text: string; range?: Range | undefined }) {
  return (
    <div className="formatted">
      {parseBlocks(text).map((block, index) => (
        <BlockView key={index} block={block} range={range} />
      ))}
    </div>
  );
}
