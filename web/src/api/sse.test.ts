import { describe, expect, it } from 'vitest';

import { readEvents } from './sse';

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function eventsOf(chunks: Uint8Array[]): Promise<string[]> {
  const events: string[] = [];
  for await (const event of readEvents(streamOf(chunks))) events.push(event);
  return events;
}

const encode = (text: string) => new TextEncoder().encode(text);

describe('readEvents', () => {
  const text = ': ping\n\ndata: {"a":"漢字 €"}\r\n\r\n: ping\n\ndata:two\ndata: lines\n\ndata: [DONE]\n\n';
  const expected = ['{"a":"漢字 €"}', 'two\nlines', '[DONE]'];

  it('yields the same events wherever the bytes are cut', async () => {
    const bytes = encode(text);
    for (let cut = 0; cut <= bytes.length; ++cut) {
      expect(await eventsOf([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(expected);
    }
  });

  it('yields the same events byte by byte', async () => {
    expect(await eventsOf([...encode(text)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it('takes a lone carriage return as the end of a line', async () => {
    expect(await eventsOf([encode('data: a\r'), encode('\rdata: b\r\r')])).toEqual(['a', 'b']);
  });

  it('takes one leading space from the data and no more', async () => {
    expect(await eventsOf([encode('data:  x\n\ndata:y\n\n')])).toEqual([' x', 'y']);
  });

  it('skips comments and fields it does not know', async () => {
    expect(await eventsOf([encode(':\n\nid: 7\nevent: x\nretry: 1\n\ndatabase: no\n\ndata\n\n')])).toEqual(['']);
  });

  it('drops an event that the stream cuts off', async () => {
    expect(await eventsOf([encode('data: whole\n\ndata: half\n')])).toEqual(['whole']);
  });

  it('cancels the stream when the consumer stops early', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(encode('data: x\n\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const event of readEvents(stream)) {
      expect(event).toBe('x');
      break;
    }
    expect(cancelled).toBe(true);
  });
});
