import { errorText } from "@headrace/ui-kit";
import { ActionError } from "./errors.ts";

/** Does something with one after another. Throws ActionError that names the one that failed; those after it are left alone. */
export async function actOnEach<Item extends { readonly displayName: string }>(
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
  say: (failed: { readonly name: string; readonly why: string }) => string,
): Promise<void> {
  for (const item of items) {
    try {
      await act(item);
    } catch (cause) {
      throw new ActionError(say({ name: item.displayName, why: errorText(cause) }), { cause });
    }
  }
}
