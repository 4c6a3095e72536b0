import { expect, test } from "vitest";
import { documentText, withFigures } from "./document.ts";

test("new measurements replace the old ones in the document, and its prose stays", () => {
  const once = withFigures(documentText(), "| new figures |");
  expect(once).toContain("| new figures |");
  expect(withFigures(once, "| newer ones |")).toBe(once.replace("| new figures |", "| newer ones |"));
  expect(once.split("<!--")[0]).toBe(documentText().split("<!--")[0]);
  expect(() => withFigures("no markers", "")).toThrow("lost its markers");
});
