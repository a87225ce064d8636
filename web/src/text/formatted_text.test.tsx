import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';

import { FormattedText } from './formatted_text';
import { utf16Range } from './utf8_offsets';
import type { Range } from './utf8_offsets';

function html(text: string, range?: Range): string {
  return renderToStaticMarkup(<FormattedText text={text} range={range} />)
    .replace('<div class="formatted">', '')
    .replace(/<\/div>$/, '');
}

describe('FormattedText', () => {
  it('never lets markup through', () => {
    expect(html('<img src=x onerror=alert(1)> & **<b>**')).toBe(
      '<p>&lt;img src=x onerror=alert(1)&gt; &amp; <strong>&lt;b&gt;</strong></p>',
    );
  });

  it('makes paragraphs at empty lines and keeps single line breaks', () => {
    expect(html('one\ntwo\n\n\nthree')).toBe('<p>one<br/>two</p><p>three</p>');
  });

  it('numbers steps as the text does', () => {
    expect(html('Do this:\n3. Restart.\n4. Wait.')).toBe(
      '<p>Do this:</p><ol start="3"><li>Restart.</li><li>Wait.</li></ol>',
    );
  });

  it('keeps one list across empty lines between its items', () => {
    expect(html('1. A\n\n2. B')).toBe('<ol start="1"><li>A</li><li>B</li></ol>');
    expect(html('- A\n- B')).toBe('<ul><li>A</li><li>B</li></ul>');
  });

  it('does not take a decimal number or a range for a step or a dash', () => {
    expect(html('3.5 GB are free')).toBe('<p>3.5 GB are free</p>');
    expect(html('-15 degrees')).toBe('<p>-15 degrees</p>');
  });

  it('shows headings of articles', () => {
    expect(html('## 首次绑定手机\n绑定必须在厂内')).toBe('<h3>首次绑定手机</h3><p>绑定必须在厂内</p>');
  });

  it('highlights a byte range across blocks and after wide characters', () => {
    const text = '价格 £940。\n\n## Next\n\n- first 😀 item\n- second';
    const bytes = Buffer.from(text);
    const range = {
      start: bytes.indexOf('£940'),
      end: bytes.indexOf(' item'),
    };
    expect(html(text, utf16Range(text, range))).toBe(
      '<p>价格 <mark>£940。</mark></p><h3><mark>Next</mark></h3>' +
        '<ul><li><mark>first 😀</mark> item</li><li>second</li></ul>',
    );
  });

  it('opens a step as soon as its number streams in', () => {
    expect(html('1. Open Harbor.\n2.')).toBe('<ol start="1"><li>Open Harbor.</li><li></li></ol>');
  });
});
