// One streamed answer: POST /v1/chat/completions with `stream: true`.

import { ApiFailure, isAbort, messageOf, toFailure } from './failure';
import { call } from './http';
import { userHeader } from './identity';
import { asList, asObject, asText, parseJson } from './json';
import { decodeKith } from './kith_codec';
import { readEvents } from './sse';
import type { ChatMessage, Kith } from './types';

export interface ChatCall {
  model: string;
  // Empty: nobody is asking.
  user: string;
  conversation: string;
  messages: ChatMessage[];
}

export interface ChatListener {
  onText(text: string): void;
  // The parts known so far; a later one replaces the parts that it holds.
  onKith(kith: Kith): void;
}

function identify({ user, conversation }: ChatCall): { headers: Record<string, string>; kith?: object } {
  const named = userHeader(user);
  const headers = { 'X-Kith-Conversation': conversation, ...named };
  return user === '' || 'X-Kith-User' in named ? { headers } : { headers, kith: { user } };
}

// Hands one event on. Returns true if it ended a choice.
function takeEvent(data: string, listener: ChatListener): boolean {
  const chunk = asObject(parseJson(data));
  if (chunk === undefined) throw new ApiFailure('server', 'the server sent a chunk that is no JSON');
  if (chunk.error !== undefined && chunk.error !== null) {
    throw new ApiFailure('server', messageOf(chunk) ?? 'the answer failed on the server');
  }
  const kith = decodeKith(chunk.kith);
  if (kith !== undefined) listener.onKith(kith);
  const choice = asObject(asList(chunk.choices)[0]);
  const text = asText(asObject(choice?.delta)?.content);
  if (text !== undefined) listener.onText(text);
  return asText(choice?.finish_reason) !== undefined;
}

// Resolves when the answer is complete. Throws ApiFailure, also when the stream ends too early;
// an abort through `signal` passes through as an AbortError.
export async function streamChat(
  request: ChatCall,
  listener: ChatListener,
  signal: AbortSignal,
): Promise<void> {
  const { headers, ...identity } = identify(request);
  const body = { model: request.model, messages: request.messages, stream: true, ...identity };
  const response = await call('/v1/chat/completions', { method: 'POST', headers, body, signal });
  if (response.body === null) throw new ApiFailure('server', 'the server sent an empty answer');
  let isFinished = false;
  try {
    for await (const data of readEvents(response.body)) {
      if (data.startsWith('[DONE]')) {
        isFinished = true;
        break;
      }
      isFinished = takeEvent(data, listener) || isFinished;
    }
  } catch (error) {
    throw isAbort(error) ? error : toFailure(error);
  }
  if (!isFinished) throw new ApiFailure('network', 'the answer was cut off');
}
