// Questions to begin with.

import { useEffect, useState } from 'react';

import { fetchArticle } from '../api/directory';
import { kExamples } from './examples';

// Whether the server holds the articles that the examples ask about.
function useHasExamples(): boolean {
  const [has, setHas] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    fetchArticle(kExamples[0]?.article ?? '', '', controller.signal).then(
      () => setHas(true),
      // Another company's server: its people have questions of their own.
      () => undefined,
    );
    return () => controller.abort();
  }, []);
  return has;
}

interface ExampleChipsProps {
  // Languages of the two people.
  languages: string[];
  onAsk: (question: string) => void;
}

export function ExampleChips({ languages, onAsk }: ExampleChipsProps) {
  const hasExamples = useHasExamples();
  if (!hasExamples) return null;
  const fitting = kExamples.filter(({ lang }) => languages.includes(lang));
  const shown = fitting.length > 0 ? fitting : kExamples.filter(({ lang }) => lang === 'en');
  return (
    <ul className="examples" aria-label="Questions to begin with">
      {shown.map(({ question, lang }) => (
        <li key={question}>
          <button type="button" className="example" lang={lang} onClick={() => onAsk(question)}>
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}
