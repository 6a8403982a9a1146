import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

const NODE = process.env.FERIA_NODE ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  build: {
    outDir: "../src/feria/web/app",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the node's policy allows no data: of any kind but pictures
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 700,
  },
  // The page is Vite's, everything else the node's.
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/api", "/livez", "/readyz", "/metrics", "/openapi.json", "/socket.io"].map((path) => [
        path,
        { target: NODE, ws: true },
      ]),
    ),
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/testing/setup.ts"],
  },
});
