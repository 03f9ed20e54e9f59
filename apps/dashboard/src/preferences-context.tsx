import { RequestError } from "@headrace/ui-kit";
import { createContext, use, useMemo, type ReactNode } from "react";
import type { Preferences } from "./preferences.ts";

export type ChangePreference = <Name extends keyof Preferences>(name: Name, value: Preferences[Name]) => void;

interface Held {
  readonly preferences: Preferences;
  readonly change: ChangePreference;
}

const PreferencesContext = createContext<Held | undefined>(undefined);

export function PreferencesProvider({ preferences, change, children }: Held & { readonly children: ReactNode }) {
  const held = useMemo(() => ({ preferences, change }), [preferences, change]);
  return <PreferencesContext value={held}>{children}</PreferencesContext>;
}

export function usePreferences(): Held {
  const held = use(PreferencesContext);
  if (!held) throw new RequestError("A part of the shell stands outside of PreferencesProvider", { status: 0 });
  return held;
}
