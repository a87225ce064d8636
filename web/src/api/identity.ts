// Says in whose name a call is made.

// Header values are bytes: an id beyond printable ASCII does not fit.
function fitsHeader(id: string): boolean {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(id);
}

// Empty for nobody, and for an id that only a body can carry.
export function userHeader(id: string): Record<string, string> {
  return fitsHeader(id) ? { 'X-Kith-User': id } : {};
}
