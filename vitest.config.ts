import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Real servers and processes, on a machine that may be busy: generous, because no test waits
    // for its timeout unless it is broken.
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
