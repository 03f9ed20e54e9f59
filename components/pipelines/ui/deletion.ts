import { useNavigate } from "@headrace/ui-kit";
import { useState } from "react";

/** How far a page has come with deleting what it shows. */
export interface Deletion {
  readonly asking: boolean;
  /** From the question until the page is left: what goes must not be asked for again. */
  readonly underWay: boolean;
  readonly ask: () => void;
  readonly close: () => void;
  readonly done: () => void;
}

/** For a page that leads to `list` once what it shows is deleted. */
export function useDeletion(list: string): Deletion {
  const navigate = useNavigate();
  const [stage, setStage] = useState<"asking" | "done">();
  return {
    asking: stage === "asking",
    underWay: stage !== undefined,
    ask: () => setStage("asking"),
    close: () => setStage((it) => (it === "done" ? it : undefined)),
    done: () => {
      setStage("done");
      void navigate(list);
    },
  };
}
