// Reads server-sent events: yields the data of each complete event.
//
// Bytes may be cut anywhere, also inside a character or between CR and LF. Comments (`: ping`) and
// fields other than `data` are skipped. An event that the stream cuts off is dropped, as the
// standard says (https://html.spec.whatwg.org/multipage/server-sent-events.html).

class EventParser {
  private buffered = '';
  private data: string[] = [];
  private endedWithCr = false;

  // Takes the next piece of text; returns the events that it completes.
  push(text: string): string[] {
    const events: string[] = [];
    let rest = text;
    if (this.endedWithCr && rest !== '') {
      if (rest.startsWith('\n')) rest = rest.slice(1);
      this.endedWithCr = false;
    }
    this.buffered += rest;
    if (this.buffered.endsWith('\r')) this.endedWithCr = true;
    const lines = this.buffered.split(/\r\n|\n|\r/);
    this.buffered = lines.pop() ?? '';
    for (const line of lines) this.takeLine(line, events);
    return events;
  }

  private takeLine(line: string, events: string[]): void {
    if (line === '') {
      if (this.data.length > 0) events.push(this.data.join('\n'));
      this.data = [];
    } else if (line === 'data') {
      this.data.push('');
    } else if (line.startsWith('data:')) {
      this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
    }
  }
}

export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Also reached when the consumer stops early: the server then sees the connection close.
    await reader.cancel().catch(() => undefined);
  }
}
