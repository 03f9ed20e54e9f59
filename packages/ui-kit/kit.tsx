import type { Client } from "@headrace/client";
import type { Clock } from "@headrace/model";
import { createContext, use, useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import type { Crumb, CrumbTrail } from "./crumbs.ts";
import { kitMessages } from "./kit-messages.ts";
import type { LiveLists } from "./live-list.ts";
import { translator, type Language, type Messages, type Translate } from "./messages.ts";
import type { Requester } from "./request.ts";
import type { Ticker } from "./ticker.ts";
import { RequestError } from "./errors.ts";

/** What every part of a page may ask for. Made once by the shell. */
export interface Kit {
  readonly client: Client;
  readonly lists: LiveLists;
  readonly request: Requester;
  readonly clock: Clock;
  readonly ticker: Ticker;
  readonly crumbs: CrumbTrail;
  readonly language: Language;
  /** The namespace chosen in the top bar; empty for all. */
  readonly namespace: string;
}

const KitContext = createContext<Kit | undefined>(undefined);

export function KitProvider({ kit, children }: { readonly kit: Kit; readonly children: ReactNode }) {
  return <KitContext value={kit}>{children}</KitContext>;
}

export function useKit(): Kit {
  const kit = use(KitContext);
  if (!kit) throw new RequestError("A part of the page stands outside of KitProvider", { status: 0 });
  return kit;
}

/** `t` for one catalogue, in the reader's language. */
export function useMessages<Key extends string>(messages: Messages<Key>): Translate<Key> {
  const { language } = useKit();
  return useMemo(() => translator(messages, language), [messages, language]);
}

export const useKitMessages = () => useMessages(kitMessages);

/** Milliseconds since the epoch, anew each second. */
export function useNow(): number {
  const { ticker } = useKit();
  return useSyncExternalStore(ticker.subscribe, ticker.now);
}

/** The same while something goes on; undefined, and never anew, once it is over. */
export function useNowWhile(goesOn: boolean): number | undefined {
  const { ticker } = useKit();
  return useSyncExternalStore(goesOn ? ticker.subscribe : standStill, goesOn ? ticker.now : never);
}

const standStill = (): (() => void) => () => undefined;
const never = (): undefined => undefined;

/** Says what the page is: the document's title and the trail in the top bar. */
export function usePage(title: string, crumbs: readonly Crumb[]): void {
  const { crumbs: trail } = useKit();
  const key = JSON.stringify(crumbs);
  useEffect(() => {
    document.title = `${title} · Headrace`;
    trail.set(JSON.parse(key) as readonly Crumb[]);
  }, [title, key, trail]);
}
