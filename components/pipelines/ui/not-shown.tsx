import { ErrorPanel, errorText, MissingPage, RequestError, Sentence } from "@headrace/ui-kit";

/** In place of the page of something that is not there, that the reader may not see, or that the server failed to tell of. */
export function NotShown({
  error,
  onRetry,
  missing,
  failed,
  back,
}: {
  readonly error: unknown;
  readonly onRetry: () => void;
  readonly missing: { readonly title: string; readonly sentence: string };
  /** What could not be done. */
  readonly failed: string;
  readonly back: { readonly to: string; readonly label: string };
}) {
  const status = error instanceof RequestError ? error.status : 0;
  if (status === 404)
    return <MissingPage title={missing.title} sentence={<Sentence text={missing.sentence} />} back={back} />;
  // The server says who may not do what, and where.
  if (status === 401 || status === 403)
    return <MissingPage title={failed} sentence={<Sentence text={errorText(error)} />} back={back} />;
  return <ErrorPanel what={failed} error={error} onRetry={onRetry} />;
}
