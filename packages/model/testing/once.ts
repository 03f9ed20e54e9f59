/** What `make` resolves to, made when the first of the tests that need it asks for it: so each of them can run alone. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
