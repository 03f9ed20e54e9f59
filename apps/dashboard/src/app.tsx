import { errorText, KitProvider, RequestError, Skeleton, type Kit } from "@headrace/ui-kit";
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
  const Page = lazy(async () => ({ default: await load().catch(loadAnew) }));
  return function PageOnDemand() {
    return (
      <Suspense fallback={<Skeleton rows={12} />}>
        <Page />
      </Suspense>
    );
  };
}

/** The code of a page is gone once a newer Headrace has taken this one's place: its own pages are at the same addresses. */
async function loadAnew(failure: unknown): Promise<never> {
  const entry = document.querySelector("script[src]")?.getAttribute("src") ?? "";
  const answer = await fetch(location.pathname, { cache: "no-store" }).catch((cause: unknown) => {
    throw new RequestError(errorText(cause), { status: 0 }, { cause });
  });
  if (!answer.ok || (await answer.text()).includes(entry)) throw failure;
  location.reload();
  // Until the new pages are here this one goes on waiting.
  return new Promise(() => {});
}

function Crash() {
  return <CrashPage error={useRouteError()} />;
}
