// The API key, kept for this tab only.

const kName = 'kith.key';

export function storedKey(): string {
  return sessionStorage.getItem(kName) ?? '';
}

export function storeKey(key: string): void {
  if (key === '') sessionStorage.removeItem(kName);
  else sessionStorage.setItem(kName, key);
}
