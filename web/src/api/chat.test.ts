import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { streamChat } from './chat';
import { ApiFailure } from './failure';
import type { Kith } from './types';

const kCall = {
  model: 'm',
  user: 'e001',
  conversation: 'c1',
  messages: [{ role: 'user' as const, content: 'why' }],
};
const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;
const kEnd = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`;

let sent: { path: string; init: RequestInit }[] = [];

function answerWith(body: string, init: ResponseInit = {}): void {
  vi.stubGlobal('fetch', (path: string, request: RequestInit) => {
    sent.push({ path, init: request });
    return Promise.resolve(new Response(body, init));
  });
}

async function chat(call = kCall): Promise<{ text: string; kith: Kith }> {
  let text = '';
  let kith: Kith = {};
  const listener = {
    onText: (part: string) => void (text += part),
    onKith: (part: Kith) => void (kith = { ...kith, ...part }),
  };
  await streamChat(call, listener, new AbortController().signal);
  return { text, kith };
}

beforeEach(() => {
  sent = [];
  vi.stubGlobal('sessionStorage', { getItem: () => 'sk-1' });
});
afterEach(() => vi.unstubAllGlobals());

describe('streamChat', () => {
  it('adds up the text and merges the kith objects of ordinary chunks', async () => {
    const head = { kith: { user: 'e001', persona: { a: 0.2, b: 0.8 }, adapter: 'b' } };
    const tail = { kith: { decision: 'd1', passages: [{ id: 'k', title: 'T', start: 3, end: 9 }] } };
    answerWith(
      `${chunk({ role: 'assistant', content: '' }, head)}: ping\n\n${chunk({ content: 'So ' })}` +
        `${chunk({ content: 'be it' })}${chunk({}, tail)}${kEnd}data: [DONE]\n\n`,
    );
    const { text, kith } = await chat();
    expect(text).toBe('So be it');
    expect(kith).toEqual({
      user: 'e001',
      personas: [{ id: 'b', probability: 0.8 }, { id: 'a', probability: 0.2 }],
      adapter: 'b',
      decision: 'd1',
      passages: [{ id: 'k', title: 'T', start: 3, end: 9 }],
    });
  });

  it('reads which persona answered which part of the prompt', async () => {
    const route = {
      kind: 'parts',
      scores: { a: 0.4, b: 0.6 },
      threshold: 0.5,
      split_threshold: 0.4,
      parts: [
        { start: 0, end: 9, persona: 'a', adapters: { a: 1 }, scores: { a: 0.9, b: 0.1 } },
        { start: 11, end: 20, scores: { b: 0.3 } },
        'no part',
      ],
    };
    answerWith(`${chunk({}, { kith: { route } })}${kEnd}data: [DONE]\n\n`);
    const { kith } = await chat();
    expect(kith.route).toEqual({
      kind: 'parts',
      scores: [{ id: 'b', probability: 0.6 }, { id: 'a', probability: 0.4 }],
      threshold: 0.5,
      splitThreshold: 0.4,
      parts: [
        {
          start: 0,
          end: 9,
          persona: 'a',
          adapters: { a: 1 },
          scores: [{ id: 'a', probability: 0.9 }, { id: 'b', probability: 0.1 }],
        },
        { start: 11, end: 20, scores: [{ id: 'b', probability: 0.3 }] },
      ],
    });
  });

  it('sends user, conversation and key in headers', async () => {
    answerWith(`${kEnd}data: [DONE]\n\n`);
    await chat();
    expect(sent[0]?.path).toBe('/v1/chat/completions');
    expect(sent[0]?.init.headers).toMatchObject({
      'X-Kith-User': 'e001',
      'X-Kith-Conversation': 'c1',
      Authorization: 'Bearer sk-1',
    });
    expect(JSON.parse(String(sent[0]?.init.body))).toEqual({
      model: 'm',
      stream: true,
      messages: kCall.messages,
    });
  });

  it('sends an id that no header can hold in the body, and nothing for nobody', async () => {
    answerWith(`${kEnd}data: [DONE]\n\n`);
    await chat({ ...kCall, user: '王芳' });
    await chat({ ...kCall, user: '' });
    const bodies = sent.map(({ init }) => JSON.parse(String(init.body)) as { kith?: object });
    expect(bodies.map(({ kith }) => kith)).toEqual([{ user: '王芳' }, undefined]);
    for (const { init } of sent) expect(init.headers).not.toHaveProperty('X-Kith-User');
  });

  it('throws what an error event says, after the text before it', async () => {
    answerWith(`${chunk({ content: 'Half' })}data: {"error":{"message":"model gone"}}\n\n`);
    await expect(chat()).rejects.toThrow('model gone');
  });

  it('throws when the stream ends before the answer does', async () => {
    answerWith(chunk({ content: 'Half' }));
    await expect(chat()).rejects.toThrow('cut off');
  });

  it('takes a finished choice without [DONE] as complete', async () => {
    answerWith(`${chunk({ content: 'Whole' })}${kEnd}`);
    expect((await chat()).text).toBe('Whole');
  });

  it('reports status, message and Retry-After of a refusal', async () => {
    answerWith('{"error":{"message":"queue full"}}', { status: 429, headers: { 'Retry-After': '7' } });
    const failure = await chat().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApiFailure);
    expect(failure).toMatchObject({ kind: 'busy', message: 'queue full', retryAfter: 7 });
  });

  it('survives an error page that is no JSON', async () => {
    answerWith('<html>', { status: 502 });
    await expect(chat()).rejects.toMatchObject({
      kind: 'server',
      message: 'the server answered with status 502',
    });
  });

  it('ignores members of the kith object that have another shape', async () => {
    const odd = { kith: { persona: 7, evidence: [null, { persona: 'a' }], plan: 'x', timing: { a: 'b' } } };
    answerWith(`${chunk({ content: 'x' }, odd)}${kEnd}data: [DONE]\n\n`);
    expect((await chat()).kith).toEqual({});
  });
});
