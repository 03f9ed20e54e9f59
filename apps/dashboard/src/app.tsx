import { KitProvider, type Kit } from "@headrace/ui-kit";
import { lazy, Suspense, useEffect, useMemo, useState, type ComponentType } from "react";
import { createHashRouter, Navigate, RouterProvider, useRouteError } from "react-router";
import { CrashPage, UnknownPage } from "./missing-page.tsx";
import { homePath, pageSets } from "./pages.ts";
import { readPreferences, writePreference, type Preferences } from "./preferences.ts";
import { PreferencesProvider } from "./preferences-context.tsx";
import { Shell } from "./shell.tsx";

/** What lives as long as the window does. */
export type Session = Omit<Kit, "language" | "namespace">;

export function App({ session }: { readonly session: Session }) {
  const [preferences, setPreferences] = useState(() => readPreferences(localStorage, navigator.languages));
  const change = <Name extends keyof Preferences>(name: Name, value: Preferences[Name]): void => {
    writePreference(localStorage, name, value);
    setPreferences((before) => ({ ...before, [name]: value }));
  };
  useEffect(() => {
    const element = document.documentElement;
    if (preferences.theme === "system") delete element.dataset["theme"];
    else element.dataset["theme"] = preferences.theme;
    element.lang = preferences.language === "zh" ? "zh-CN" : "en";
  }, [preferences.theme, preferences.language]);
  const { language, namespace } = preferences;
  const kit = useMemo((): Kit => ({ ...session, language, namespace }), [session, language, namespace]);
  return (
    <KitProvider kit={kit}>
      <PreferencesProvider preferences={preferences} change={change}>
        <RouterProvider router={router} />
      </PreferencesProvider>
    </KitProvider>
  );
}

// Made once: a router holds the address and must outlive any change of preferences.
const router = createHashRouter([
  {
    path: "/",
    Component: Shell,
    children: [
      { index: true, element: <Navigate to={homePath} replace /> },
      ...pageSets
        .flatMap((set) => set.routes)
        .map((route) => ({ path: route.path, Component: onDemand(route.load), ErrorBoundary: Crash })),
      { path: "*", Component: UnknownPage },
    ],
  },
]);

function onDemand(load: () => Promise<ComponentType>): ComponentType {
  const Page = lazy(async () => ({ default: await load() }));
  return function PageOnDemand() {
    return (
      <Suspense>
        <Page />
      </Suspense>
    );
  };
}

function Crash() {
  return <CrashPage error={useRouteError()} />;
}
