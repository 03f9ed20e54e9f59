import { createClient, createHttpTransport } from "@headrace/client";
import { systemClock } from "@headrace/model";
import { createRequester, CrumbTrail, LiveLists, Ticker } from "@headrace/ui-kit";
import { createRoot } from "react-dom/client";
import { App, type Session } from "./app.tsx";

const session: Session = {
  client: createClient({ transport: createHttpTransport({ server: "/kube", fetch: (...call) => fetch(...call) }) }),
  request: createRequester((path, init) => fetch(path, init)),
  lists: new LiveLists({ clock: systemClock, soon: (callback) => requestAnimationFrame(callback) }),
  clock: systemClock,
  ticker: new Ticker(systemClock),
  crumbs: new CrumbTrail(),
};

// A browser grants six connections to one server, over all its windows: those that nobody sees must not hold any.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") session.lists.pause();
  else session.lists.resume();
});

const root = document.querySelector("#root");
if (root) createRoot(root).render(<App session={session} />);
