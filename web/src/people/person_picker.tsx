// The card of a column's person; opens a searchable list of everybody (combobox pattern of ARIA).

import { useEffect, useId, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';

import { ChevronIcon } from '../shell/icons';
import { Avatar } from './avatar';
import { kNobody, matches, unlistedPerson } from './person';
import type { Person } from './person';

const kMaxShown = 60;

interface Options {
  shown: Person[];
  numHidden: number;
}

// Nobody, then whom the query finds; an id that nobody has can still be asked as.
function optionsFor(people: Person[], query: string): Options {
  const text = query.trim();
  const found = [kNobody, ...people].filter((person) => matches(person, text));
  const shown = found.slice(0, kMaxShown);
  const isKnownId = people.some((person) => person.id === text);
  if (text !== '' && !text.includes(' ') && !isKnownId && found.length < 3) {
    shown.push(unlistedPerson(text));
  }
  return { shown, numHidden: Math.max(0, found.length - kMaxShown) };
}

interface ListProps {
  label: string;
  people: Person[];
  selected: Person;
  onPick: (person: Person) => void;
  onClose: () => void;
}

function PersonList({ label, people, selected, onPick, onClose }: ListProps) {
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(0);
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const { shown, numHidden } = optionsFor(people, query);
  const current = Math.min(active, shown.length - 1);

  useEffect(() => {
    list.current?.children[current]?.scrollIntoView({ block: 'nearest' });
  }, [current]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const person = shown[current];
    if (event.key === 'ArrowDown') setActive(Math.min(current + 1, shown.length - 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(current - 1, 0));
    else if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter' && person !== undefined) onPick(person);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="picker-list">
      <input
        autoFocus
        type="text"
        role="combobox"
        className="picker-search"
        placeholder="Name, title, department or id"
        aria-label={label}
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={current >= 0 ? `${id}-${current}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul role="listbox" id={id} aria-label={label} ref={list}>
        {shown.map((person, index) => (
          <li
            key={`${person.id}-${index}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={person.id === selected.id}
            className={index === current ? 'option option-active' : 'option'}
            onPointerMove={() => setActive(index)}
            onClick={() => onPick(person)}
          >
            <Avatar person={person} />
            <span className="option-name">{person.name}</span>
            <span className="option-detail">
              {[person.title, person.detail].filter(Boolean).join(' · ')}
            </span>
          </li>
        ))}
      </ul>
      <p className="picker-count" role="status">
        {shown.length === 0 && 'Nobody found.'}
        {numHidden > 0 && `${numHidden} more: type to narrow the list.`}
      </p>
    </div>
  );
}

interface PickerProps {
  // "First person", for screen readers.
  label: string;
  person: Person;
  people: Person[];
  onPick: (person: Person) => void;
}

export function PersonPicker({ label, person, people, onPick }: PickerProps) {
  const [isOpen, setIsOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setIsOpen(false);
    button.current?.focus();
  };

  return (
    <div
      className="picker"
      ref={root}
      onBlur={(event) => {
        if (!root.current?.contains(event.relatedTarget)) setIsOpen(false);
      }}
    >
      <button
        type="button"
        ref={button}
        className="picker-button"
        aria-haspopup="listbox"
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
      >
        <Avatar person={person} />
        <span className="picker-name">
          <span className="visually-hidden">{label}: </span>
          {person.name}
        </span>{' '}
        <span className="picker-detail">
          {person.title}
          {person.detail !== '' && <span className="picker-place"> · {person.detail}</span>}
        </span>
        <ChevronIcon />
      </button>
      {isOpen && (
        // Keeps the focus in the search field while the list is clicked or scrolled.
        <div className="picker-popover" tabIndex={-1}>
          <PersonList
            label={`Search the ${label.toLowerCase()}`}
            people={people}
            selected={person}
            onClose={close}
            onPick={(picked) => {
              onPick(picked);
              close();
            }}
          />
        </div>
      )}
    </div>
  );
}
