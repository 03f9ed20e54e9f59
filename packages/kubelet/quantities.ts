import { quantityNumber } from "@headrace/model";

/** The number that a quantity stands for, undefined for absence. The API has checked its form. */
export function quantity(text: string | undefined): number | undefined {
  return text === undefined ? undefined : quantityNumber(text);
}
