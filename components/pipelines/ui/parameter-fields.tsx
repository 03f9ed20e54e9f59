import { Field, formatValue, Sentence, SelectField, Switch, TextField, useMessages } from "@headrace/ui-kit";
import type { ParameterSpec } from "../core/ir.ts";
import { newRunMessages } from "./new-run-messages.ts";
import {
  printParameter,
  readParameter,
  shownText,
  type ParameterReading,
  type ParameterTexts,
} from "./parameter-values.ts";
import { parameterType } from "./planned-task.ts";
import type { NewRunWords } from "./trigger-words.ts";

/** A field for each parameter of a pipeline, by its type; those that must be filled come first. */
export function ParameterFields({
  specs,
  texts,
  onChange,
  insist,
}: {
  readonly specs: ReadonlyMap<string, ParameterSpec>;
  readonly texts: ParameterTexts;
  /** With undefined, the parameter goes back to its default. */
  readonly onChange: (name: string, text: string | undefined) => void;
  /** Whether fields that were not touched are held to be filled, too. */
  readonly insist: boolean;
}) {
  const t = useMessages(newRunMessages);
  const inOrder = [...specs].toSorted(([, a], [, b]) => Number(a.optional) - Number(b.optional));
  const unknown = Object.keys(texts).filter((name) => !specs.has(name));
  return (
    <>
      {inOrder.map(([name, spec]) => (
        <ParameterField
          key={name}
          name={name}
          spec={spec}
          text={texts[name]}
          onChange={(text) => onChange(name, text)}
          insist={insist}
          t={t}
        />
      ))}
      {unknown.length === 0 ? null : (
        <p className="field-help">
          <Sentence
            text={t("parameters.unknown", {
              count: unknown.length,
              names: unknown.map((name) => `\`${name}\``).join(", "),
            })}
          />
        </p>
      )}
    </>
  );
}

interface ParameterFieldProps {
  readonly name: string;
  readonly spec: ParameterSpec;
  readonly text: string | undefined;
  readonly onChange: (text: string | undefined) => void;
  readonly insist: boolean;
  readonly t: NewRunWords;
}

function ParameterField({ name, spec, text, onChange, insist, t }: ParameterFieldProps) {
  const reading = readParameter(spec, text);
  const shown = shownText(spec, text);
  const problem = "problem" in reading && (insist || text !== undefined) ? sayProblem(reading, t) : undefined;
  const isChanged = text !== undefined && text !== shownText(spec, undefined);
  const field = {
    label: <code>{name}</code>,
    help: spec.description === "" ? undefined : spec.description,
    error: problem,
    note: (
      <>
        <Tidy spec={spec} text={text} reading={reading} onChange={onChange} t={t} />
        {isChanged && spec.optional ? (
          <button
            type="button"
            className="link"
            title={spec.defaultValue === undefined ? undefined : formatValue(spec.defaultValue)}
            onClick={() => onChange(undefined)}
          >
            {t("parameter.reset")}
          </button>
        ) : spec.defaultValue === undefined ? (
          spec.optional ? (
            t("parameter.unset")
          ) : null
        ) : (
          t("parameter.default")
        )}
        <span>{parameterType(spec.type)}</span>
      </>
    ),
  };
  if (spec.literals.length > 0) {
    const options = spec.literals.map((literal) => printParameter(spec, literal));
    const blank = options.includes(shown) ? [] : [{ value: shown, label: shown === "" ? "" : shown }];
    return (
      <SelectField
        {...field}
        mono
        value={shown}
        onChange={onChange}
        options={[...blank, ...options.map((value) => ({ value, label: value }))]}
      />
    );
  }
  if (spec.type === "BOOLEAN") {
    return (
      <Field {...field}>
        {() => (
          <Switch
            label={name}
            value={shown}
            onChange={onChange}
            options={["true", "false"].map((value) => ({ value, label: value }))}
          />
        )}
      </Field>
    );
  }
  const isJson = spec.type === "LIST" || spec.type === "STRUCT";
  const lines = isJson || shown.includes("\n") || shown.length > 64 ? 2 : 1;
  return (
    <TextField
      {...field}
      mono
      lines={lines}
      value={shown}
      onChange={onChange}
      {...(spec.type === "NUMBER_INTEGER" && { inputMode: "numeric" as const })}
      {...(spec.type === "NUMBER_DOUBLE" && { inputMode: "decimal" as const })}
    />
  );
}

/** Writes a list or a dictionary over several lines. */
function Tidy({
  spec,
  text,
  reading,
  onChange,
  t,
}: Pick<ParameterFieldProps, "spec" | "text" | "onChange" | "t"> & { readonly reading: ParameterReading }) {
  if (spec.type !== "LIST" && spec.type !== "STRUCT") return null;
  if (text === undefined || "problem" in reading || reading.value === undefined) return null;
  const tidy = JSON.stringify(reading.value, undefined, 2);
  if (tidy === text) return null;
  return (
    <button type="button" className="link" onClick={() => onChange(tidy)}>
      {t("parameter.tidy")}
    </button>
  );
}

function sayProblem(reading: Extract<ParameterReading, { problem: unknown }>, t: NewRunWords): string {
  if (reading.problem === "json") return t("problem.json", { why: reading.detail ?? "" });
  return t(`problem.${reading.problem}`);
}
