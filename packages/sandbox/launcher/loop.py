"""One thread that waits for descriptors and moments, and for nothing else."""

import heapq
import itertools
import selectors
import time


class Loop:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []
        self._order = itertools.count()
        self._idle = []
        self._running = True

    def watch(self, file, callback, events=selectors.EVENT_READ):
        """Calls `callback(events)` whenever `file` is ready."""
        self._selector.register(file, events, callback)

    def change(self, file, events):
        self._selector.modify(file, events, self._selector.get_key(file).data)

    def forget(self, file):
        try:
            self._selector.unregister(file)
        except (KeyError, ValueError):
            pass  # it was forgotten already

    def after(self, seconds, callback):
        """A timer as a list; `cancel` empties it."""
        timer = [time.monotonic() + seconds, next(self._order), callback]
        heapq.heappush(self._timers, timer)
        return timer

    @staticmethod
    def cancel(timer):
        if timer is not None:
            timer[2] = None

    def when_idle(self, callback):
        """Calls `callback` once, when nothing waits: what tidies up comes after what answers."""
        self._idle.append(callback)

    def stop(self):
        self._running = False

    def run(self):
        while self._running:
            ready = self._selector.select(self._timeout())
            for key, events in ready:
                # An earlier callback of this round may have forgotten the file.
                if self._selector.get_map().get(key.fd) is key:
                    key.data(events)
            self._fire()
            if not ready and self._idle:
                callbacks, self._idle = self._idle, []
                for callback in callbacks:
                    callback()

    def _timeout(self):
        if self._idle:
            return 0
        while self._timers and self._timers[0][2] is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire(self):
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2]
            if callback is not None:
                callback()
