import {
  ConnectionBar,
  Link,
  navigationGroups,
  useKit,
  useMessages,
  type Crumb,
  type NavigationEntry,
} from "@headrace/ui-kit";
import { Fragment, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Outlet, useLocation, useNavigate } from "react-router";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { shellMessages } from "./messages.ts";
import { NamespaceSwitch } from "./namespace-switch.tsx";
import { navigation, pageSets } from "./pages.ts";
import { SearchBox } from "./search-box.tsx";
import { ViewMenu } from "./view-menu.tsx";

/** The frame of every page: navigation at the left, one bar at the top, the page. */
export function Shell() {
  const t = useMessages(shellMessages);
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  const [help, setHelp] = useState(false);
  useGoKeys(() => setHelp(true));
  useEffect(() => setOpen(false), [pathname]);
  return (
    <div className={open ? "shell shell-open" : "shell"}>
      <a className="skip" href="#page" onClick={(event) => skipToPage(event)}>
        {t("skip")}
      </a>
      <header className="top-bar">
        <button
          type="button"
          className="quiet menu-button"
          aria-expanded={open}
          aria-label={t("menu")}
          title={t("menu")}
          onClick={() => setOpen(!open)}
        >
          ☰
        </button>
        <Link className="brand" to="/">
          <Brand /> <span>Headrace</span>
        </Link>
        <NamespaceSwitch />
        <Breadcrumb />
        <SearchBox />
        {pageSets.map(({ name, summary: Summary }) => (Summary ? <Summary key={name} /> : null))}
        <ViewMenu onHelp={() => setHelp(true)} />
      </header>
      <Navigation />
      <main id="page" tabIndex={-1}>
        <ConnectionBar />
        <Outlet />
      </main>
      {help ? <KeyboardHelp onClose={() => setHelp(false)} /> : null}
    </div>
  );
}

function skipToPage(event: React.MouseEvent): void {
  // The address belongs to the router; the link only moves the focus.
  event.preventDefault();
  document.querySelector<HTMLElement>("#page")?.focus();
}

function Brand() {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden>
      <path
        d="M1 4c3-3 5 3 8 0s4-1 6-2M1 8c3-3 5 3 8 0s4-1 6-2M1 12c3-3 5 3 8 0s4-1 6-2"
        fill="none"
        stroke="var(--accent)"
        strokeWidth="1.6"
      />
    </svg>
  );
}

function Navigation() {
  const t = useMessages(shellMessages);
  const { language } = useKit();
  const current = useCurrentEntry();
  return (
    <nav className="navigation" aria-label={t("navigation")}>
      {navigationGroups.map((group) => {
        const entries = navigation.filter((entry) => entry.group === group);
        return entries.length === 0 ? null : (
          <Fragment key={group}>
            <h2>{t(`group.${group}`)}</h2>
            {entries.map((entry) => (
              <Link key={entry.path} to={entry.path} aria-current={entry === current ? "page" : undefined}>
                {entry.label[language]}
              </Link>
            ))}
          </Fragment>
        );
      })}
    </nav>
  );
}

/** A list's own entry; else the one that the page says it belongs to, for a form may make things of two lists. */
function useCurrentEntry(): NavigationEntry | undefined {
  const { pathname } = useLocation();
  const { crumbs } = useKit();
  const [first] = useSyncExternalStore(crumbs.subscribe, crumbs.crumbs);
  return (
    navigation.find(({ path }) => path === pathname) ??
    navigation.find(({ path }) => path === first?.to) ??
    navigation.find((entry) => isUnder(pathname, entry))
  );
}

function isUnder(pathname: string, { path, covers = [] }: NavigationEntry): boolean {
  return pathname === path || [`${path}/`, ...covers].some((beginning) => pathname.startsWith(beginning));
}

function Breadcrumb() {
  const { crumbs } = useKit();
  const trail = useSyncExternalStore(crumbs.subscribe, crumbs.crumbs);
  return (
    <nav className="breadcrumb" aria-label="Breadcrumb">
      <ol>
        {trail.map((crumb) => (
          <li key={crumb.label}>
            <CrumbLink crumb={crumb} />
          </li>
        ))}
      </ol>
    </nav>
  );
}

function CrumbLink({ crumb }: { readonly crumb: Crumb }) {
  if (crumb.to !== undefined) return <Link to={crumb.to}>{crumb.label}</Link>;
  return crumb.name === true ? <code title={crumb.label}>{crumb.label}</code> : <b>{crumb.label}</b>;
}

/** `g` and a page's letter go there, `/` searches, `?` tells all keys. Never while somebody types. */
function useGoKeys(onHelp: () => void): void {
  const navigate = useNavigate();
  const going = useRef(false);
  const help = useRef(onHelp);
  help.current = onHelp;
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const target = going.current ? navigation.find((entry) => entry.key === event.key) : undefined;
      going.current = event.key === "g" && !going.current;
      if (target) void navigate(target.path);
      else if (event.key === "/") document.querySelector<HTMLInputElement>("#search")?.focus();
      else if (event.key === "?") help.current();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [navigate]);
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
