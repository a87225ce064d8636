// Asks for an API key.

import { useState } from 'react';

import { storedKey } from '../api/key';
import { Modal } from './modal';

interface KeyDialogProps {
  onSave: (key: string) => void;
  onClose: () => void;
}

export function KeyDialog({ onSave, onClose }: KeyDialogProps) {
  const [key, setKey] = useState(storedKey);
  return (
    <Modal className="dialog" title="API key" onClose={onClose}>
      <form
        className="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          onSave(key.trim());
        }}
      >
        <p id="key-hint">
          This server wants to know who is calling. An operator’s key lists the employees. The key
          stays in this tab and is forgotten when you close it.
        </p>
        <label htmlFor="key">Key</label>
        <input
          id="key"
          type="password"
          autoFocus
          autoComplete="off"
          aria-describedby="key-hint"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="button button-main">
          Use this key
        </button>
      </form>
    </Modal>
  );
}
