// What a person does on the page, against the mock server.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';

interface MockLog {
  chats: { user?: string; conversation: string; messages: { role: string; content: string }[]; stream: boolean }[];
  feedback: { decision: string; user: string; key: string; signals: { kind: string; value: number }[] }[];
  cancelled: number;
}

const kQuestion = 'After how long is a laptop due for replacement?';

async function mockLog(page: Page): Promise<MockLog> {
  return (await (await page.request.get('/mock/log')).json()) as MockLog;
}

const answers = (page: Page) => page.getByRole('article');
const input = (page: Page) => page.getByLabel('Your question to both');

async function ask(page: Page, question: string): Promise<void> {
  await input(page).fill(question);
  await input(page).press('Enter');
}

async function askAndWait(page: Page, question = kQuestion): Promise<void> {
  const before = await answers(page).count();
  await ask(page, question);
  // The new turn: until it is there, an earlier one stands at its place, and is complete.
  await expect(answers(page)).toHaveCount(before + 2);
  for (const index of [before, before + 1]) await expect(answers(page).nth(index)).toContainText('is complete.');
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();
}

interface Box {
  x: number;
  y: number;
  bottom: number;
}

// Of the answers at two places, at one moment: the page may scroll between two questions to it.
function boxesOf(page: Page, indices: [number, number]): Promise<[Box, Box]> {
  return answers(page).evaluateAll((elements, [first, second]) => {
    const boxOf = (element: Element | undefined) => {
      const { x, y, bottom } = element?.getBoundingClientRect() ?? { x: 0, y: 0, bottom: 0 };
      return { x, y, bottom };
    };
    return [boxOf(elements[first]), boxOf(elements[second])] as [Box, Box];
  }, indices);
}

// The cited bytes that the drawer highlights; the article comes some time after the drawer.
function markedText(page: Page): Promise<string> {
  return page
    .getByRole('dialog')
    .locator('mark')
    .allTextContents()
    .then((texts) => texts.join(''));
}

// Problems that the browser reports: script errors and breaches of the content policy.
let problems: string[] = [];

test.beforeEach(async ({ page }) => {
  problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    const isExpected = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isExpected) problems.push(message.text());
  });
  await page.request.post('/mock/reset', { data: {} });
  await page.goto('/');
  await expect(input(page)).toBeVisible();
});

test.afterEach(() => expect(problems).toEqual([]));

test('one question streams two answers side by side', async ({ page }) => {
  await ask(page, `${kQuestion} [slow]`);
  await expect(answers(page)).toHaveCount(2);
  // Both are being written at the same time.
  for (const index of [0, 1]) {
    await expect(answers(page).nth(index).locator('[aria-busy=true]')).toContainText(/\w/);
  }
  await page.getByRole('button', { name: 'Stop' }).click();

  await askAndWait(page);
  const [left, right] = [answers(page).nth(2), answers(page).nth(3)];
  await expect(left.locator('.answer-text ol > li').first()).toHaveText('Your laptop is due after 48 months.');
  await expect(left.locator('strong')).toHaveText('+44 113 555 0148');
  await expect(right.locator('.answer-text ul > li')).toHaveCount(2);
  await expect(async () => {
    const [leftBox, rightBox] = await boxesOf(page, [2, 3]);
    expect(leftBox.y).toBe(rightBox.y);
    expect(leftBox.x).toBeLessThan(rightBox.x);
  }).toPass({ timeout: 30_000 });

  const { chats } = await mockLog(page);
  const [first, second] = chats.slice(-2);
  expect(first?.stream).toBe(true);
  expect(first?.user).not.toBe(second?.user);
  expect(first?.conversation).not.toBe(second?.conversation);
});

test('the default pair belongs to two personas', async ({ page }) => {
  await askAndWait(page);
  await expect(answers(page).nth(0).getByLabel('In short')).toContainText('Field worker 94 %');
  await expect(answers(page).nth(1).getByLabel('In short')).toContainText('Knowledge worker 88 %');
});

test('a follow-up carries the history of its own column', async ({ page }) => {
  await askAndWait(page);
  await askAndWait(page, 'And who approves it?');
  await expect(answers(page).nth(2)).toContainText('After 2 earlier messages.');
  const { chats } = await mockLog(page);
  expect(chats).toHaveLength(4);
  for (const [earlier, later] of [[chats[0], chats[2]], [chats[1], chats[3]]]) {
    expect(later?.conversation).toBe(earlier?.conversation);
    expect(later?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  }
  expect(chats[2]?.messages[1]?.content).toContain('Your laptop is due');
  expect(chats[3]?.messages[1]?.content).toContain('refresh cycle');
});

test('the why of an answer opens and says everything', async ({ page }) => {
  await askAndWait(page, `${kQuestion} [degraded]`);
  const answer = answers(page).first();
  await expect(answer.getByRole('heading', { name: 'Plan' })).toBeHidden();
  await answer.getByRole('button', { name: 'Why this answer' }).click();
  await expect(answer.locator('.bar')).toHaveCount(5);
  await expect(answer).toContainText('Grade is “technician” speaks strongly for Field worker');
  await expect(answer).toContainText('Tenure is “over 5 years” speaks clearly against New hire and intern');
  await expect(answer.locator('code').first()).toHaveText('field_worker');
  await expect(answer.locator('.step-used')).toHaveCount(5);
  await expect(answer).toContainText('no earlier conversation is about this');
  await expect(answer.locator('.candidate')).toHaveCount(3);
  await expect(answer.locator('.candidate-chosen')).toContainText('Model draft');
  await expect(answer.getByRole('row', { name: /Reading level/ })).toContainText('grade 5grade 4.6');
  await expect(answer.locator('.timings')).toContainText('Total1.8 s');
  await expect(answer.getByLabel('Left out of this answer')).toContainText('Earlier conversations was left out');
});

test('an operator sees versions, promotes one and rolls back', async ({ page }) => {
  await page.getByRole('button', { name: 'Versions' }).click();
  const dialog = page.getByRole('dialog', { name: 'Versions of the adapters' });
  await expect(dialog.getByRole('status')).toHaveText('Version 1 of leadership serves.');
  await expect(dialog).toContainText('Somebody whose data is in it has been erased');
  await dialog.getByText('1 checks').first().click();
  await expect(dialog.getByText(/perplexity -4.10 %/).first()).toBeVisible();
  await dialog.getByText('What it would have said').click();
  await expect(dialog.getByText('Shown worse: unknown_facts.')).toBeVisible();
  await expect(dialog.getByRole('row', { name: /unknown facts/ })).toContainText('0.50 (0.21 to 0.80)');
  await expect(dialog).toContainText('Call 9999.');
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Promote version 2' }).click();
  await expect(dialog.getByRole('status')).toHaveText('Version 2 of leadership serves.');
  await expect(dialog.getByRole('listitem').filter({ hasText: 'by ops: promote from 1' })).toBeVisible();
  await dialog.getByRole('button', { name: 'Roll back' }).click();
  await expect(dialog.getByRole('status')).toHaveText('Version 1 of leadership serves.');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('an operator sees the fleet of each persona over time', async ({ page }) => {
  await page.getByRole('button', { name: 'Fleet' }).click();
  const dialog = page.getByRole('dialog', { name: 'The fleet, by persona' });
  await expect(dialog.getByRole('row', { name: /Leadership/ })).toContainText('69 20 %');
  await expect(dialog.getByRole('row', { name: /Leadership/ })).toContainText('412 25 %');
  await expect(dialog.getByRole('row', { name: /Leadership/ })).toContainText('398');
  await expect(dialog.getByRole('img', { name: 'Answers: 29 of 30 figures told, at most 39.' })).toBeVisible();
  await expect(dialog.locator('.fleet-bar-withheld')).toHaveCount(2);
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Field worker' }).click();
  await expect(dialog.getByRole('heading', { name: 'Field worker' })).toBeVisible();
  await dialog.getByLabel('Span').selectOption('7');
  await expect(dialog.getByRole('img', { name: 'Users: 7 of 7 figures told, at most 46.' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a passage opens in its article with the cited bytes highlighted', async ({ page }) => {
  await askAndWait(page);
  const opener = answers(page).first().getByRole('button', { name: /Open the passage/ });
  await opener.first().click();
  const drawer = page.getByRole('dialog');
  await expect(drawer.locator('mark').first()).toBeInViewport();
  await expect.poll(() => markedText(page)).toMatch(/^A laptop becomes due[^]*Warden record\.$/);
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await expect(opener.first()).toBeFocused();

  await opener.nth(1).click();
  await expect(drawer.locator('mark').first()).toBeInViewport();
  await expect.poll(() => markedText(page)).toMatch(/^二维码只在 90 秒内有效[^]*先把旧机移除。$/);
  await drawer.getByRole('button', { name: 'Close' }).click();
  await expect(drawer).toBeHidden();
});

test('thumbs are stored, and a change of mind too', async ({ page }) => {
  await askAndWait(page);
  const answer = answers(page).first();
  await answer.getByRole('button', { name: /Good answer/ }).click();
  await expect(answer.getByText('Feedback stored')).toBeVisible();
  await expect(answer.getByRole('button', { name: /Good answer/ })).toHaveAttribute('aria-pressed', 'true');
  await answer.getByRole('button', { name: /Bad answer/ }).click();
  await expect(answer.getByRole('button', { name: /Bad answer/ })).toHaveAttribute('aria-pressed', 'true');
  // The button is pressed, and the first thumb's message may still stand, before the second is stored.
  await expect.poll(async () => (await mockLog(page)).feedback.length).toBe(2);
  await expect(answer.getByText('Feedback stored')).toBeVisible();
  const { feedback, chats } = await mockLog(page);
  expect(feedback.map(({ signals }) => signals)).toEqual([
    [{ kind: 'thumb', value: 1 }],
    [{ kind: 'thumb', value: -1 }],
  ]);
  expect(feedback[0]?.user).toBe(chats[0]?.user);
  expect(feedback[0]?.key).not.toBe(feedback[1]?.key);
});

test('everything works with the keyboard alone', async ({ page }) => {
  await expect(input(page)).toBeFocused();
  const skip = page.getByRole('link', { name: 'Skip to the question' });
  await skip.focus();
  await expect(skip).toBeInViewport();
  await page.keyboard.press('Enter');
  await expect(input(page)).toBeFocused();
  await skip.focus();
  for (let i = 0; i < 5; ++i) await page.keyboard.press('Tab');
  const picker = page.getByRole('button', { name: /First person/ });
  await expect(picker).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('combobox')).toBeFocused();
  await page.keyboard.type('director rotterdam');
  await expect(page.getByRole('option').first()).toContainText(/director/i);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await expect(picker).toBeFocused();
  await expect(picker).toHaveAccessibleName(/Director/);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('listbox')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('listbox')).toBeHidden();
  await expect(picker).toBeFocused();

  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: /Second person/ })).toBeFocused();
  await input(page).focus();
  await page.keyboard.type('first line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second line');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'first line second line' })).toBeVisible();
  const answer = answers(page).first();
  await expect(answer).toContainText('is complete.');
  const why = answer.getByRole('button', { name: 'Why this answer' });
  await why.focus();
  await page.keyboard.press('Enter');
  await expect(why).toHaveAttribute('aria-expanded', 'true');
  await expect(why).toHaveCSS('outline-style', 'solid');
});

test('the enter that ends a Chinese word does not send', async ({ page }) => {
  await input(page).fill('换手机');
  await input(page).dispatchEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true });
  await expect(answers(page)).toHaveCount(0);
});

test('nobody gets a plain answer without thumbs', async ({ page }) => {
  await page.getByRole('button', { name: /First person/ }).click();
  await page.getByRole('combobox').fill('nobody');
  await page.getByRole('option', { name: /Nobody/ }).click();
  await askAndWait(page);
  await expect(answers(page).first().getByLabel('In short')).toContainText('No persona');
  await expect(answers(page).first().getByRole('button', { name: /Good answer/ })).toBeHidden();
  const { chats } = await mockLog(page);
  expect(chats.filter(({ user }) => user === undefined)).toHaveLength(1);
});

test('an id that the directory does not list can still ask', async ({ page }) => {
  await page.getByRole('button', { name: /Second person/ }).click();
  await page.getByRole('combobox').fill('visitor-7');
  await page.keyboard.press('Enter');
  await askAndWait(page);
  expect((await mockLog(page)).chats.map(({ user }) => user)).toContain('visitor-7');
});

test('stop cancels both answers and keeps what was said', async ({ page }) => {
  await ask(page, `${kQuestion} [slow]`);
  await expect(answers(page).first().locator('.answer-text')).toContainText('Your laptop');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(answers(page).getByText('Stopped.', { exact: true })).toHaveCount(2);
  await expect(answers(page).first()).toContainText('Your laptop');
  await expect.poll(async () => (await mockLog(page)).cancelled).toBe(2);
});

test('a busy server is asked again after its wait', async ({ page }) => {
  await ask(page, `${kQuestion} [busy]`);
  const alert = answers(page).first().getByRole('alert');
  await expect(alert).toContainText('The server is busy');
  await expect(alert).toContainText('The queue is full.');
  await alert.getByRole('button', { name: 'Try again', exact: true }).click();
  await expect(answers(page).first()).toContainText('Ring +44 113 555 0148');
  // The other column is as it was.
  await expect(answers(page).nth(1).getByRole('alert')).toBeVisible();
});

for (const [word, title] of [
  ['[fail]', 'Internal error.'],
  ['[error]', 'The model stopped answering.'],
  ['[cut]', 'The connection was lost'],
] as const) {
  test(`a failure is shown clearly: ${word}`, async ({ page }) => {
    await ask(page, `${kQuestion} ${word}`);
    await expect(answers(page).first().getByRole('alert')).toContainText(title);
    await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();
    // The conversation goes on without the failed turn.
    await askAndWait(page);
    const { chats } = await mockLog(page);
    expect(chats.at(-1)?.messages).toHaveLength(1);
  });
}

test('a server with keys asks for one and keeps it in the tab only', async ({ page }) => {
  await page.request.post('/mock/reset', { data: { key: 'sk-test' } });
  await page.reload();
  const dialog = page.getByRole('dialog', { name: 'API key' });
  await dialog.getByLabel('Key', { exact: true }).fill('wrong');
  await page.keyboard.press('Enter');
  // The dialog comes back when the server has refused the key: until then, what is typed may be lost.
  await expect(async () => {
    await dialog.getByLabel('Key', { exact: true }).fill('sk-test', { timeout: 5_000 });
    await dialog.getByRole('button', { name: 'Use this key' }).click({ timeout: 5_000 });
    await expect(dialog).toBeHidden({ timeout: 5_000 });
  }).toPass();
  await askAndWait(page);
  await expect(answers(page).first()).toContainText('48 months');
  const kept = await page.evaluate(() => [sessionStorage.getItem('kith.key'), JSON.stringify(localStorage)]);
  expect(kept[0]).toBe('sk-test');
  expect(kept[1]).not.toContain('sk-test');
  expect(await page.context().cookies()).toEqual([]);
});

test('the theme follows the system, and the reader may change it', async ({ page }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(page.getByRole('button', { name: 'Use dark colours' })).toBeVisible();
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).not.toBe(light);
  await page.getByRole('button', { name: 'Use light colours' }).click();
  await expect.poll(background).toBe(light);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Use dark colours' })).toBeVisible();
  await expect.poll(background).toBe(light);
});

test('a phone shows the answers one below the other and never scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 375, height: 740 });
  const overflows = () =>
    page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  await expect.poll(overflows).toBe(false);
  await askAndWait(page);
  for (const answer of await answers(page).all()) {
    await answer.getByRole('button', { name: 'Why this answer' }).click();
    await expect(answer.locator('.bar')).not.toHaveCount(0);
  }
  await expect.poll(overflows).toBe(false);
  await expect(async () => {
    const [upper, lower] = await boxesOf(page, [0, 1]);
    expect(upper.x).toBe(lower.x);
    expect(upper.bottom).toBeLessThanOrEqual(lower.y);
  }).toPass({ timeout: 30_000 });
  await page.getByRole('button', { name: /Second person/ }).click();
  await expect(page.getByRole('combobox')).toBeInViewport();
  await expect.poll(overflows).toBe(false);
});

test('an example question is asked with one click', async ({ page }) => {
  await page.getByRole('button', { name: kQuestion }).click();
  await expect(page.getByRole('heading', { name: kQuestion })).toBeVisible();
  await expect(answers(page).first()).toContainText('is complete.');
});

interface AxeResult {
  violations: { id: string; nodes: { target: string[] }[] }[];
}

async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's content policy does not bind.
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // Half faded in, a colour has less contrast than it will have; what turns for ever has no end.
  await page.evaluate(async () => {
    const ending = document.getAnimations().filter((item) => item.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((item) => item.finished));
  });
  await page.evaluate(source);
  const result = await page.evaluate(
    () => (globalThis as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run(),
  );
  return result.violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing to complain about: ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: /First person/ }).click();
    await page.getByRole('combobox').fill('e');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await askAndWait(page, `${kQuestion} [degraded]`);
    await answers(page).first().getByRole('button', { name: 'Why this answer' }).click();
    await answers(page).first().getByRole('button', { name: /Good answer/ }).click();
    await expect(page.getByText('Feedback stored')).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await answers(page).first().getByRole('button', { name: /Open the passage/ }).first().click();
    await expect(page.getByRole('dialog').locator('mark').first()).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await ask(page, '[fail]');
    await expect(page.getByRole('alert').first()).toBeVisible();
    expect(await violations(page)).toEqual([]);
  });
}
