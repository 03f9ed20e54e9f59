import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// oxlint-disable-next-line import/no-default-export -- Vite finds its configuration by the default export
export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the pages work below any path that a proxy puts before them.
  base: "./",
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Small assets stay files: a strict content security policy forbids data URLs.
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
});
