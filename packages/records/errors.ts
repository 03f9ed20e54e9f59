/** A failure of the database itself, as opposed to a question that has no answer. `code` is stable and documented in README.md. */
export abstract class RecordsError extends Error {
  abstract readonly code: string;
}

/** The file was written by a newer Headrace. Thrown by `migrate`; nothing has been changed. */
export class DatabaseNewerError extends RecordsError {
  override readonly name = "DatabaseNewerError";
  readonly code = "records/database-newer";

  constructor(component: string, found: number, known: number) {
    super(
      `Cannot open the records: the tables of "${component}" are at migration ${found}, and this version knows ${known}; use the Headrace that wrote them or a newer one`,
    );
  }
}

/** A migration failed and was rolled back; `cause` says why. */
export class MigrationFailedError extends RecordsError {
  override readonly name = "MigrationFailedError";
  readonly code = "records/migration-failed";

  constructor(component: string, id: number, name: string, options: ErrorOptions) {
    super(`Cannot migrate the records: step ${id} (${name}) of "${component}" failed and was rolled back`, options);
  }
}

/** Two migrations of one component have the same number, or a numbering with a hole: a mistake in the code. */
export class MigrationOrderError extends RecordsError {
  override readonly name = "MigrationOrderError";
  readonly code = "records/migration-order";

  constructor(component: string, expected: number, found: number) {
    super(`Cannot migrate the records: expected step ${expected} of "${component}", found ${found}`);
  }
}

/** The body of a transaction used the database outside it, which would wait for itself for ever: a mistake in the code. */
export class QueryBesideTransactionError extends RecordsError {
  override readonly name = "QueryBesideTransactionError";
  readonly code = "records/query-beside-transaction";

  constructor() {
    super("Cannot run a query beside the open transaction: use the `db` that the transaction's body was given");
  }
}

/** The disk holds no more. Nothing of the transaction is there; it succeeds as soon as there is room. */
export class DiskFullError extends RecordsError {
  override readonly name = "DiskFullError";
  readonly code = "records/disk-full";

  constructor(options: ErrorOptions) {
    super("Cannot write the records: their disk is full; free some space, then try again", options);
  }
}

/** The records were used after `close`. */
export class RecordsClosedError extends RecordsError {
  override readonly name = "RecordsClosedError";
  readonly code = "records/closed";

  constructor() {
    super("Cannot use the records: they are closed");
  }
}
