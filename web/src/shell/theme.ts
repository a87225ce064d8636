// Light or dark: the system's choice until the reader makes another one.

import { useEffect, useState } from 'react';

export type Theme = 'light' | 'dark';

const kName = 'kith.theme';
const kDark = '(prefers-color-scheme: dark)';

function storedTheme(): Theme | undefined {
  const stored = localStorage.getItem(kName);
  return stored === 'light' || stored === 'dark' ? stored : undefined;
}

function systemTheme(): Theme {
  return matchMedia(kDark).matches ? 'dark' : 'light';
}

// Before the first paint, so that the page does not flash in the other colours.
export function applyStoredTheme(): void {
  const stored = storedTheme();
  if (stored !== undefined) document.documentElement.dataset.theme = stored;
}

export function useTheme(): { theme: Theme; toggle: () => void } {
  const [chosen, setChosen] = useState(storedTheme);
  const [system, setSystem] = useState(systemTheme);
  useEffect(() => {
    const query = matchMedia(kDark);
    const onChange = () => setSystem(systemTheme());
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  const theme = chosen ?? system;
  const toggle = () => {
    const next: Theme = theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem(kName, next);
    document.documentElement.dataset.theme = next;
    setChosen(next);
  };
  return { theme, toggle };
}
