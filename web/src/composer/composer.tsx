// The one question for both: Enter sends, Shift+Enter makes a new line.

import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';

import { SendIcon, StopIcon } from '../shell/icons';

interface ComposerProps {
  isBusy: boolean;
  isFollowUp: boolean;
  onAsk: (question: string) => void;
  onStop: () => void;
}

export function Composer({ isBusy, isFollowUp, onAsk, onStop }: ComposerProps) {
  const [question, setQuestion] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  const canSend = question.trim() !== '' && !isBusy;

  useEffect(() => {
    // A phone's keyboard would cover half of the page.
    if (matchMedia('(hover: hover)').matches) input.current?.focus();
  }, []);

  const send = () => {
    if (!canSend) return;
    onAsk(question.trim());
    setQuestion('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter also ends the input of a Chinese word: that one is not for us.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="visually-hidden" htmlFor="question">
        Your question to both
      </label>
      <textarea
        id="question"
        ref={input}
        rows={1}
        placeholder={isFollowUp ? 'Ask both a follow-up' : 'Ask both the same question'}
        value={question}
        onChange={(event) => setQuestion(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {isBusy ? (
        <button type="button" className="send" aria-label="Stop" onClick={onStop}>
          <StopIcon />
        </button>
      ) : (
        <button type="submit" className="send" aria-label="Send" disabled={!canSend}>
          <SendIcon />
        </button>
      )}
    </form>
  );
}
