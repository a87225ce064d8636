import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { kExamples } from './examples';

const kFolder = join(import.meta.dirname ?? 'src/composer', '../../../examples/service-desk/questions');

describe('kExamples', () => {
  it('are questions of the service-desk example, word for word', () => {
    const known = readdirSync(kFolder).flatMap((file) =>
      readFileSync(join(kFolder, file), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { article: string; lang: string; question: string }),
    );
    for (const { article, lang, question } of kExamples) {
      expect(known).toContainEqual(expect.objectContaining({ article, lang, question }));
    }
  });
});
