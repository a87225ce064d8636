// Why there is no answer, and what to do.

import { useEffect, useState } from 'react';

import type { ApiFailure, FailureKind } from '../api/failure';

const kTitles: Record<FailureKind, string> = {
  key: 'An API key is needed',
  forbidden: 'This key may not ask for this person',
  busy: 'The server is busy',
  missing: 'The server does not know this',
  network: 'The connection was lost',
  server: 'The answer failed',
  request: 'The server refused the question',
};

// The server writes messages in lower case without a full stop.
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

// Seconds left until zero.
function useCountdown(seconds: number): number {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    if (left <= 0) return undefined;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return left;
}

interface AnswerFailureProps {
  failure: ApiFailure;
  // Absent when the conversation has gone on.
  onRetry: (() => void) | undefined;
  onKey: () => void;
}

export function AnswerFailure({ failure, onRetry, onKey }: AnswerFailureProps) {
  const wait = useCountdown(failure.retryAfter ?? 0);
  return (
    <div className="failure" role="alert">
      <p className="failure-title">{kTitles[failure.kind]}</p>
      <p>{sentence(failure.message)}</p>
      <div className="failure-actions">
        {failure.kind === 'key' && (
          <button type="button" className="button button-main" onClick={onKey}>
            Enter a key
          </button>
        )}
        {onRetry !== undefined && (
          <button type="button" className="button" disabled={wait > 0} onClick={onRetry}>
            {wait > 0 ? `Try again in ${wait} s` : 'Try again'}
          </button>
        )}
      </div>
    </div>
  );
}
