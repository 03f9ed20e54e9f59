"""How containers end, as Headrace hears of it."""

from clock import now


def exit_of(container_id, started_at, status, cpu, resident):
    """`status` is an exit code, or a signal's number below zero."""
    code = status if status >= 0 else 128 - status
    end = {"id": container_id, "exitCode": code, "startedAt": started_at, "finishedAt": now()}
    end.update({"cpuMillis": cpu, "maxResidentBytes": resident, "reason": "Completed" if code == 0 else "Error"})
    if status < 0:
        end["signal"] = -status
    return end


def lost_exit(container_id, started_at, message):
    """Of what ended where no launcher saw it."""
    return {**exit_of(container_id, started_at, 137, 0, 0), "reason": "Lost", "message": message}
