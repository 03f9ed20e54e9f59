// Runs in the pages that are measured, by its text alone: it imports nothing, and what it offers hangs on the window.

interface MoveOptions {
  readonly motion: "scroll" | "pan" | "zoom" | "square";
  /** Milliseconds. */
  readonly duration: number;
}

/** Keeps something moving and answers the milliseconds between frames. */
function frameTimes({ motion, duration }: MoveOptions): Promise<readonly number[]> {
  const graph = document.querySelector(".graph");
  const scroller = document.querySelector(".table-scroll");
  const square = document.querySelector<HTMLElement>("#square");
  const wheel = (turn: WheelEventInit): void => {
    const options = { bubbles: true, cancelable: true, clientX: 700, clientY: 450, ...turn };
    graph?.dispatchEvent(new WheelEvent("wheel", options));
  };
  const move = (frame: number): void => {
    if (motion === "scroll" && scroller) scroller.scrollTop += 48;
    else if (motion === "pan") wheel({ deltaX: Math.sin(frame / 20) * 40, deltaY: Math.cos(frame / 30) * 24 });
    else if (motion === "zoom") wheel({ ctrlKey: true, deltaY: Math.sin(frame / 25) * 6 });
    else if (square) square.style.transform = `translate(${frame % 400}px, 40px)`;
  };
  return new Promise((resolve) => {
    const times: number[] = [];
    const begin = performance.now();
    let last = begin;
    const step = (now: number): void => {
      if (now > last) times.push(now - last);
      last = now;
      move(times.length);
      if (performance.now() - begin < duration) requestAnimationFrame(step);
      else resolve(times);
    };
    requestAnimationFrame(step);
  });
}

/** Clicks a link of the navigation and answers the milliseconds until the frame that shows the page it leads to. */
function timeSwitch({ name, ready }: { readonly name: string; readonly ready: string }): Promise<number> {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("nav.navigation a")];
  const begin = performance.now();
  links.find((link) => link.textContent === name)?.click();
  return untilShown(() => {
    const title = document.querySelector("main h1")?.textContent ?? "";
    return title.startsWith(name) && document.querySelector(`main ${ready}`) !== null;
  }).then(() => performance.now() - begin);
}

/** When a button with this label stands in the page's head, in milliseconds since the epoch. */
function whenOffered(label: string): Promise<number> {
  const offered = (): boolean =>
    [...document.querySelectorAll("h1 button")].some((button) => button.textContent === label);
  return untilShown(offered).then(() => performance.timeOrigin + performance.now());
}

function untilShown(isShown: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isShown()) resolve();
      else requestAnimationFrame(look);
    };
    look();
  });
}

Object.assign(window, { bench: { frameTimes, timeSwitch, whenOffered } });
