// The page on a real Kith that serves the service-desk example: KITH_E2E_URL names it.

import { expect, test } from '@playwright/test';

test.skip(!process.env.KITH_E2E_URL, 'KITH_E2E_URL names no server');

test('ask once, read both answers and their why, open a passage, store a thumb', async ({ page }) => {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto('/');
  await page.getByLabel('Your question to both').fill('After how long is a laptop due for replacement?');
  await page.keyboard.press('Enter');
  const answers = page.getByRole('article');
  await expect(answers).toHaveCount(2);
  for (const answer of await answers.all()) {
    await expect(answer).toContainText('is complete.', { timeout: 120_000 });
    expect((await answer.locator('.answer-text').innerText()).trim()).not.toBe('');
    await expect(answer.locator('.chip-persona')).toBeVisible();
    await answer.getByRole('button', { name: 'Why this answer' }).click();
    await expect(answer.locator('.bar')).toHaveCount(5);
    await expect(answer.locator('.reasons li')).not.toHaveCount(0);
    await expect(answer.locator('.candidate-chosen')).toHaveCount(1);
    await answer.getByRole('button', { name: /Good answer/ }).click();
    await expect(answer.getByText('Feedback stored')).toBeVisible();
  }
  const personas = await answers.locator('.chip-persona').allTextContents();
  expect(new Set(personas).size).toBe(2);
  await answers.first().getByRole('button', { name: /Open the passage/ }).first().click();
  await expect(page.getByRole('dialog').locator('mark').first()).toBeVisible();
  expect(problems).toEqual([]);
});
