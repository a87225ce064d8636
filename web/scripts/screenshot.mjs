// Takes a picture of the page on a running server, with one question asked and one why open.
//
//   npm run screenshot -- URL OUT.png [--dark] [--phone] [--question TEXT] [--empty] [--passage]
import { chromium } from '@playwright/test';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: 'boolean' },
    phone: { type: 'boolean' },
    empty: { type: 'boolean' },
    passage: { type: 'boolean' },
    question: { type: 'string', default: 'After how long is a laptop due for replacement?' },
  },
});
const [url, file] = positionals;
if (url === undefined || file === undefined) {
  console.error('usage: npm run screenshot -- URL OUT.png [--dark] [--phone] [--question TEXT] [--empty] [--passage]');
  process.exit(2);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage({
    viewport: values.phone ? { width: 375, height: 760 } : { width: 1280, height: 1000 },
    deviceScaleFactor: 2,
    colorScheme: values.dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  await page.goto(url);
  await page.getByLabel('Your question to both').waitFor();
  if (!values.empty) {
    await page.getByLabel('Your question to both').fill(values.question);
    await page.keyboard.press('Enter');
    const answers = page.getByRole('article');
    await answers.nth(1).waitFor();
    await page.getByRole('button', { name: 'Send' }).waitFor({ timeout: 180_000 });
    for (const answer of values.phone ? [answers.first()] : await answers.all()) {
      await answer.getByRole('button', { name: 'Why this answer' }).click();
    }
    await page.evaluate(() => document.activeElement?.blur());
    await page.mouse.move(0, 0);
    await page.evaluate(() => scrollTo(0, 0));
  }
  if (values.passage) {
    await page.getByRole('button', { name: /Open the passage/ }).first().click();
    await page.getByRole('dialog').locator('mark').first().waitFor();
  }
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(300);
  await page.screenshot({ path: file });
} finally {
  await browser.close();
}
