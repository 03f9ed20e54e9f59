import { useNavigate } from "@headrace/ui-kit";
import { useEffect } from "react";
import { pipelinesPath } from "./places.ts";

/** Addresses of Kubeflow's own pages whose content stands elsewhere here: they lead there, and leave no trace in the history. */
const movedTo = (path: string) =>
  function Moved() {
    const navigate = useNavigate();
    useEffect(() => void navigate(path, { replace: true }), [navigate]);
    return null;
  };

export const SharedPipelines = movedTo(`${pipelinesPath}?scope=shared`);
export const ArchivedRuns = movedTo("/runs?archived=only");
